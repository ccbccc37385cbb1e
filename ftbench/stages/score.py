"""The score stage: every metric of one cell on one split, with its interval, overall and per slice.

Reads what ``generate`` and ``likelihood`` wrote; trains and generates nothing, so a changed metric costs seconds. The
value comes from ``evaluate`` over the library that is the reference for the metric, the interval from the metric's
sufficient statistics; if the two ways disagree the stage fails.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ftbench.core.component import build
from ftbench.core.errors import FtbenchError
from ftbench.core.files import read_jsonl, write_json
from ftbench.core.job import Job, Outcome
from ftbench.metrics.evaluation import measure
from ftbench.stats.failures import SHOWN_CHARACTERS, Raised, statistics_of
from ftbench.stats.intervals import interval
from ftbench.stats.sufficient_statistics import Sufficient
from ftbench.text.secrets import scrub

SOURCES = {"outputs": ("generate", "outputs.jsonl"), "likelihood": ("likelihood", "likelihood.jsonl")}
JUDGEMENTS = "judgements.jsonl"
ABSENT = {
    "likelihood": "this model gives no log-probabilities",
    "judgements": "these are the answers that the others are judged against, or the split is not judged",
    "outputs": "there are no answers",
}
TOLERANCE = 1e-9
Rows = list[dict[str, Any]]


def run(job: Job) -> Outcome:
    """Writes ``scores.json`` and ``statistics.npz``.

    Raises:
        FtbenchError: when the inputs are not over the same examples, or a metric's value and its statistics disagree.
    """
    metrics = {name: build(node, f"metrics.{name}") for name, node in job.stage.config["metrics"].items()}
    settings = job.stage.config["statistics"]
    sources = {reads: _read(job.inputs[role] / file) for reads, (role, file) in SOURCES.items() if role in job.inputs}
    _check_same_examples(sources)
    frame = next(iter(sources.values()))
    ids = [row["id"] for row in frame]
    groups = [row["group"] for row in frame]
    slices = [dict(row["slices"]) for row in frame]

    scores: dict[str, Any] = {}
    tables: dict[str, np.ndarray] = {}
    for done, (name, metric) in enumerate(metrics.items()):
        job.progress(done, len(metrics))
        entry: dict[str, Any] = {"value": None, "low": None, "high": None, "n": len(ids)}
        rows = (
            _read(judged / JUDGEMENTS)
            if (judged := job.inputs.get(f"judge.{name}")) is not None
            else sources.get(metric.reads)
        )
        if rows is None:
            entry |= labels_of(metric, []) | {"failed": None, "slices": {}, "reason": ABSENT[metric.reads]}
            scores[name] = entry
            continue
        table, rows, raised = statistics_of(metric, rows)
        tables[name] = table
        entry |= score_table(metric, table, ids, groups, settings)
        if raised is not None and raised.broken:
            entry |= {
                "value": None,
                "low": None,
                "high": None,
                "interval": None,
                "reason": f"it raised {raised.error} on every answer and on the references too",
            }
        elif entry["value"] is None:
            entry["reason"] = why_not(metric, rows)
        else:
            entry["value"] = _headline(name, metric, rows, entry["value"], job.folder)
            entry["low"], entry["high"] = _around(entry["value"], entry["low"], entry["high"])
        entry |= labels_of(metric, rows) | {
            "failed": _failed(rows),
            "slices": {} if "reason" in entry else _slices(metric, table, ids, groups, slices, settings),
        }
        entry |= {} if raised is None else {"raised": raised_entry(raised)}
        scores[name] = entry | {key: scrub(entry[key]) for key in ("reason", "warning") if key in entry}
    job.progress(len(metrics), len(metrics))

    write_json(job.folder / "scores.json", scores)
    Sufficient(tuple(ids), tuple(groups), tuple(slices), tables).write(job.folder)
    finish = Counter(row["finish"] for row in sources.get("outputs", []))
    return Outcome(details={"n": len(ids), "finish": dict(sorted(finish.items()))})


def _read(path: Path) -> Rows:
    return [_whole(row) for row in read_jsonl(path)]


def _whole(row: dict[str, Any]) -> dict[str, Any]:
    """Returns the row with half surrogate pairs replaced: a model may emit them, no file or library can hold them."""
    texts = {name: _clean(row[name]) for name in ("output",) if name in row}
    if "references" in row:
        texts["references"] = [_clean(reference) for reference in row["references"]]
    return {**row, **texts}


def _clean(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _check_same_examples(sources: dict[str, Rows]) -> None:
    if not sources:
        raise FtbenchError("score: neither generated outputs nor likelihoods to read; add a metric's stage to the plan")
    first, *others = ([row["id"] for row in rows] for rows in sources.values())
    if len(set(first)) != len(first):
        twice = next(name for name, count in Counter(first).items() if count > 1)
        raise FtbenchError(f"score: example {twice!r} stands twice in the outputs; ids must be unique")
    if any(other != first for other in others):
        raise FtbenchError(
            "score: outputs and likelihoods are not over the same examples in the same order; compile the plan again"
        )


def score_table(
    metric: Any, table: np.ndarray, ids: list[str], groups: list[str | None], settings: dict[str, Any]
) -> dict[str, Any]:
    """Returns ``value, low, high, n, interval`` of one metric from its statistics [n, k]; null where it is not a finite
    number.
    """
    value = float(metric.value(table.sum(axis=0), np.float64(len(table)))) if len(table) else math.nan
    if not math.isfinite(value):
        return {"value": None, "low": None, "high": None, "n": len(table), "interval": None}
    limits = interval(
        table,
        metric.value,
        ids,
        groups,
        confidence=settings["confidence"],
        resamples=settings["resamples"],
        seed=settings["seed"],
        is_mean=metric.is_mean,
    )
    said = {"warning": limits.warning} if limits.warning else {}
    return {"value": value, "low": limits.low, "high": limits.high, "n": len(table), "interval": limits.method, **said}


def _slices(
    metric: Any,
    table: np.ndarray,
    ids: list[str],
    groups: list[str | None],
    slices: list[dict[str, str]],
    settings: dict[str, Any],
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for column in sorted({column for row in slices for column in row}):
        found[column] = {}
        for wanted in sorted({str(row[column]) for row in slices if column in row}):
            places = [index for index, row in enumerate(slices) if column in row and str(row[column]) == wanted]
            part = score_table(
                metric, table[places], [ids[index] for index in places], [groups[index] for index in places], settings
            )
            found[column][wanted] = {key: part[key] for key in ("value", "low", "high", "n")}
    return found


def _headline(name: str, metric: Any, rows: Rows, from_statistics: float, folder: Path) -> float:
    value = measure(metric, rows, folder)
    if not math.isclose(value, from_statistics, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        raise FtbenchError(
            f"metric {name} is {value!r} by its library and {from_statistics!r} by its sufficient statistics; "
            "it must depend on nothing but the rows (no randomness, no state)"
        )
    return value


def _around(value: float, low: float | None, high: float | None) -> tuple[float | None, float | None]:
    return (None if low is None else min(low, value)), (None if high is None else max(high, value))


def labels_of(metric: Any, rows: Rows) -> dict[str, Any]:
    """Returns how the number was made, which way is up, and whether it compares across tokenizers."""
    signature = metric.signature_of(rows) if rows else metric.signature()
    return {
        "signature": signature,
        "higher_is_better": bool(metric.higher_is_better),
        "comparable_across_tokenizers": bool(metric.comparable_across_tokenizers),
    }


def _failed(rows: Rows) -> int:
    return sum(1 for row in rows if row.get("finish") == "error" or row.get("error") is not None)


def raised_entry(raised: Raised) -> dict[str, Any]:
    """Returns what a metric raised as ``scores.json`` holds it: without secrets, the message cut."""
    entry: dict[str, Any] = scrub(raised.as_dict())
    return {**entry, "message": entry["message"][:SHOWN_CHARACTERS]}


def why_not(metric: Any, rows: Rows) -> str:
    """Says why a metric has no value over these rows."""
    if not rows:
        return "no examples in this split"
    if metric.reads == "judgements":
        return "none of the judge's replies can be read"
    lost = [row for row in rows if metric.reads == "likelihood" and row["nll"] is None]
    if lost:
        return f"{len(lost)} of {len(rows)} rows have no log-likelihood" + (
            f"; the first: {lost[0]['error']}" if lost[0].get("error") else ""
        )
    if metric.reads == "likelihood" and any(row["correct"] is None for row in rows):
        return "this model does not tell which token it would have chosen"
    return metric.why_not(rows)
