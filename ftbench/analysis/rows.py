"""One row per cell: its choices, how it ended, its scores, and what it cost. Read from the plan and the store alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ftbench.analysis.damaged_stages import damage_line
from ftbench.analysis.failed_rows import SPLITS, failure, shares_of, usable
from ftbench.analysis.finished_stages import Finished, base_model, read_json, weights_stages
from ftbench.core.cell import Cell, Refusal, sub_axes
from ftbench.core.component import build
from ftbench.core.plan import Plan
from ftbench.cost.bill import Bill, bill
from ftbench.cost.tokens import TokenPrice
from ftbench.store.store import Store

ENDS = {"": "value", "_low": "low", "_high": "high"}
"""Suffix of a metric's column -> what of its score stands there."""
STATUSES = ("done", "failed", "blocked", "refused", "skipped")


@dataclass(frozen=True)
class CellOutcome:
    """How one cell ended: ``status`` is one of ``STATUSES``, ``reason`` says why where it is not ``done``."""

    status: str
    reason: str | None


@dataclass(frozen=True)
class Row:
    """Everything known of one cell.

    Attributes:
        facts: the columns of ``results.csv`` that are no metric, None for unknown.
        scores: metric -> entry of ``scores.json`` on the test split; empty for a cell that was not scored.
        validation: the same on the validation split.
        bill: what it cost, None for a cell that was not run.
        trains: whether weights were trained for it.
        baseline: added by ``matrix.baselines``.
        notes: sentences to show once.
        details: what else the stages said of it: how answers finished, devices, intervals' methods.
        forgetting: lm-eval figure -> what training did to it, see ``ftbench.analysis.harness.Forgetting``.
    """

    facts: dict[str, Any]
    scores: dict[str, Any]
    validation: dict[str, Any]
    bill: Bill | None
    trains: bool
    baseline: bool
    notes: tuple[str, ...]
    details: dict[str, Any]
    forgetting: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.facts["cell_id"]

    @property
    def label(self) -> str:
        return self.facts["label"]

    @property
    def done(self) -> bool:
        return self.facts["status"] == "done"

    @property
    def deployable(self) -> bool:
        """False for a ceiling, see ``ftbench.core.cell.Cell``."""
        return self.facts.get("deployable") is not False

    def value(self, metric: str) -> float | None:
        return self.scores.get(metric, {}).get("value")

    def record(self, metrics: tuple[str, ...]) -> dict[str, Any]:
        """Returns the row as the columns of ``results.csv``."""
        found = dict(self.facts)
        for metric in metrics:
            entry = self.scores.get(metric, {})
            found |= {metric + suffix: entry.get(name) for suffix, name in ENDS.items()}
        return found

    def as_dict(self) -> dict[str, Any]:
        return {
            **self.facts,
            "baseline": self.baseline,
            "scores": self.scores,
            "validation": self.validation,
            "bill": None if self.bill is None else self.bill.as_dict(),
            "notes": list(self.notes),
            "details": self.details,
            "forgetting": self.forgetting,
        }


def build_rows(plan: Plan, outcomes: Mapping[str, CellOutcome], store: Store) -> list[Row]:
    """Returns a row per cell in plan order, refused cells last."""
    finished = Finished.read(plan, store)
    rows = [_row(plan, cell, outcomes.get(cell.id), finished) for cell in plan.cells]
    return rows + [_refused(refusal) for refusal in plan.refusals]


def trial_rows(plan: Plan, store: Store) -> list[Row]:
    """Returns a row per trial of a search, which has no scores on the test split; how it ended is read from the
    store.
    """
    finished = Finished.read(plan, store)
    found = []
    for trial in plan.trials:
        missing = [(role, key) for role, key in trial.stages.items() if key not in finished.folders]
        said = [f"{role}: {attempts[-1].error}" for role, key in missing if (attempts := store.attempts(key))]
        broken = damage_line(trial.stages, finished.damaged)
        said += [] if broken is None else [broken]
        outcome = CellOutcome("skipped", "not run") if missing else CellOutcome("done", None)
        outcome = CellOutcome("failed", said[-1]) if said else outcome
        found.append(_row(plan, trial, outcome, finished))
    return found


def metric_names(plan: Plan) -> tuple[str, ...]:
    """Returns the metrics of the matrix in the order typed."""
    return tuple(plan.settings.get("metrics", ()))


def primary_metric(plan: Plan) -> str:
    """Returns the metric that orders the table: the one named, else the first; empty for a matrix without settings."""
    return plan.settings.get("primary_metric") or next(iter(metric_names(plan)), "")


def _row(plan: Plan, cell: Cell, outcome: CellOutcome | None, finished: Finished) -> Row:
    found, receipts, loads = finished.folders, finished.receipts, finished.loads
    outcome = outcome or CellOutcome("skipped", "not run")
    folders = {role: found[key] for role, key in cell.stages.items() if key in found}
    scored = folders.get("score.test")
    damaged = damage_line(cell.stages, finished.damaged)
    if outcome.status == "done" and damaged is not None:
        outcome = CellOutcome("failed", damaged)
    if outcome.status == "done" and scored is None and "score.test" in cell.stages:
        outcome = CellOutcome("failed", "its scores are not in the store")
    primary = primary_metric(plan)
    entries = {
        split: read_json(folders[f"score.{split}"] / "scores.json") for split in SPLITS if f"score.{split}" in folders
    }
    failed = shares_of(cell, primary, receipts, entries)
    if outcome.status == "done" and (why := failure(plan, primary, folders, entries, failed)) is not None:
        outcome = CellOutcome("failed", why)
    usable_scores = {split: usable(plan, cell, split, found) for split, found in entries.items()}
    scores = usable_scores.get("test", {}) if outcome.status == "done" else {}
    generate = receipts.get(cell.stages.get("generate.test", ""))
    timings = read_json(folders["generate.test"] / "timings.json") if "generate.test" in folders else {}
    chain = weights_stages(plan, cell)
    train = [receipts[key] for key in chain if key in receipts]
    stage = plan.stages.get(cell.stages.get("generate.test", cell.stages.get("train", "")))
    load_seconds = loads.get(stage.model, 0.0) if stage is not None and stage.model is not None else 0.0
    recorded = generate is not None and bool(
        generate.details.get("recorded")
    )  # made elsewhere: what it cost there is unknown
    whole = train if len(train) == len(chain) and not recorded else None
    built = [receipts.get(key) for key in cell.stages.values() if plan.stages[key].kind == "index"]
    index = None if None in built else built
    hardware, price = build(cell.config["hardware"], "hardware"), TokenPrice.of(cell.config.get("model", {}))
    paid = bill(hardware, whole, None if recorded else generate, timings.get("requests"), load_seconds, index, price)
    scoring = receipts.get(cell.stages.get("score.test", ""))
    details = dict(scoring.details) if scoring is not None else {}
    if generate is not None:
        details |= {"cut": generate.details.get("cut")}
        details |= {
            "device": generate.device,
            "devices": generate.devices,
            "model": base_model(plan, cell.stages),
            "artifact": cell.choices.get("artifact") if chain else None,
        }
    peaks = [
        receipt.peak_memory_bytes
        for receipt in (*train, *((generate,) if generate else ()))
        if receipt.peak_memory_bytes is not None
    ]
    latency = timings.get("latency_seconds") or []
    if len(latency) > 1:
        details |= {"latency_mean": float(np.mean(latency)), "latency_sd": float(np.std(latency, ddof=1))}
    trained = [receipt.details["trained"] for receipt in train if "trained" in receipt.details]
    details |= {"trained_rows": max(trained)} if trained else {}
    summary = read_json(folders["prepare"] / "summary.json") if "prepare" in folders else {}
    facts = {
        **_identity(cell),
        "status": outcome.status,
        "reason": None if outcome.status == "done" else outcome.reason,
        "n": next((entry["n"] for entry in scores.values()), None),
        "train_seconds": paid.train_seconds,
        "index_seconds": paid.index_seconds,
        "generate_seconds": paid.generate_seconds,
        "latency_p50_ms": _quantile_ms(latency, 0.5),
        "latency_p95_ms": _quantile_ms(latency, 0.95),
        "first_token_p50_ms": _quantile_ms(timings.get("first_token_seconds") or [], 0.5),
        "first_token_p95_ms": _quantile_ms(timings.get("first_token_seconds") or [], 0.95),
        "backend": generate.details.get("backend") if generate else None,
        "prompt_tokens": generate.tokens.get("prompt") if generate else None,
        "completion_tokens": generate.tokens.get("completion") if generate else None,
        "tokens_per_second": paid.tokens_per_second,
        "peak_memory_bytes": max(peaks) if peaks else None,
        "train_usd": paid.train_usd,
        "index_usd": paid.index_usd,
        "usd_per_1k_requests": paid.usd_per_1k_requests,
        "price_basis": paid.price_basis,
        "failed_rows": failed.get("test"),
        "deployable": cell.deployable,
    }
    read = [
        key
        for role, key in cell.stages.items()
        if role.startswith(("judge.", "likelihood.")) and role.endswith(".test")
    ]
    judged = [receipts[key] for key in read if key in receipts]
    said = [
        note
        for receipt in (*(index or ()), *train, *((generate,) if generate else ()), *judged)
        for note in receipt.details.get("notes", [])
    ]
    notes = (*cell.notes, *summary.get("notes", []), *said, *_remarks(scores, details))
    return Row(
        facts=facts,
        scores=scores,
        validation=usable_scores.get("validation", {}),
        bill=paid,
        trains=bool(chain),
        baseline=cell.baseline,
        notes=tuple(dict.fromkeys(notes)),
        details=details,
    )


def _refused(refusal: Refusal) -> Row:
    reason = "; ".join(f"{problem['where']}: {problem['why']}. {problem['fix']}" for problem in refusal.problems)
    facts = {**_identity(refusal), "status": "refused", "reason": reason, "n": None}
    empty = (
        "train_seconds",
        "index_seconds",
        "generate_seconds",
        "latency_p50_ms",
        "latency_p95_ms",
        "prompt_tokens",
        "completion_tokens",
        "tokens_per_second",
        "peak_memory_bytes",
        "train_usd",
        "first_token_p50_ms",
        "first_token_p95_ms",
        "backend",
        "index_usd",
        "usd_per_1k_requests",
        "price_basis",
        "failed_rows",
    )
    return Row(facts | dict.fromkeys((*empty, "deployable")), {}, {}, None, False, False, (), {})


def _identity(cell: Cell | Refusal) -> dict[str, Any]:
    identity = cell.id if isinstance(cell, Cell) else cell.cell
    axes = ("model", "method", "context", "artifact", "prompt", "dataset", "decoding")
    return {
        "cell_id": identity,
        "label": cell.label,
        **{axis: cell.choices.get(axis) for axis in axes},
        "seed": cell.config.get("seed"),
        "hardware": cell.choices.get("hardware"),
        **{group: cell.choices[group] for group in sub_axes([cell.choices])},
    }


def _remarks(scores: Mapping[str, Any], details: Mapping[str, Any]) -> list[str]:
    remarks = [f"{metric} is n/a: {entry['reason']}" for metric, entry in scores.items() if entry.get("reason")]
    remarks += dict.fromkeys(entry["warning"] for entry in scores.values() if entry.get("warning"))
    cut = details.get("cut") or {}
    if cut.get("rows"):
        lost = " and ".join(
            f"{cut[part]} {name}"
            for part, name in (("passages", "passages"), ("shots", "worked examples"))
            if cut[part]
        )
        remarks.append(f"{cut['rows']} prompts did not fit the window: {lost} were left out")
    finish = details.get("finish") or {}
    total = sum(finish.values())
    if finish.get("length"):
        remarks.append(f"{finish['length']} of {total} answers hit the length cap")
    if finish.get("error"):
        remarks.append(f"{finish['error']} of {total} answers failed; they score zero and stay in n")
    return remarks


def _quantile_ms(seconds: list[float], share: float) -> float | None:
    return float(np.quantile(seconds, share)) * 1000 if seconds else None
