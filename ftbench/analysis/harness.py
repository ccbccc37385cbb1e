"""lm-eval figures of the cells: each with its interval, and what training cost of them (forgetting), base and tuned in
one row.

A cell's figure is compared with that of the same model before training, on the same questions, in pairs; the interval
is adjusted over all trained weights that share the base, figure by figure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ftbench.analysis.rows import Row
from ftbench.core.cell import HARNESS, HARNESS_BASE, Cell
from ftbench.core.plan import Plan
from ftbench.core.receipt import Receipt
from ftbench.stats.aggregate import AGGREGATIONS
from ftbench.stats.intervals import interval
from ftbench.stats.paired import BETTER, WORSE, compare
from ftbench.stats.sufficient_statistics import Sufficient
from ftbench.store.store import Store
from ftbench.text.numbers import signed

FILE = "harness.json"


@dataclass(frozen=True)
class Forgetting:
    """What training did to one lm-eval figure.

    Attributes:
        base, tuned: the figure before and after.
        difference: tuned minus base; ``low`` and ``high`` are its interval, None where lm-eval gives no values per
            question.
        verdict: of the tuned weights against the base, see ``ftbench.stats.paired``; None without an interval.
        n: questions. ``family``: how many trained weights share the interval's error rate.
    """

    base: float
    tuned: float
    difference: float
    low: float | None
    high: float | None
    verdict: str | None
    n: int
    family: int

    def as_dict(self) -> dict[str, Any]:
        return dict(vars(self))


def with_harness(plan: Plan, rows: Sequence[Row], store: Store) -> list[Row]:
    """Returns the rows with lm-eval figures among their scores, and with what training did to them."""
    cells = {cell.id: cell for cell in plan.cells}
    if not any(role.startswith(HARNESS) for cell in plan.cells for role in cell.stages):
        return list(rows)
    settings = plan.settings["statistics"]
    options = (settings["confidence"], settings["resamples"], settings["seed"])
    found = []
    for row in rows:
        keys = _keys(cells[row.id], HARNESS) if row.done and row.id in cells else {}
        folders = {task: store.find(key) for task, key in keys.items()}
        scores = {
            name: entry
            for folder in folders.values()
            if folder is not None
            for name, entry in _scores(folder, *options).items()
        }
        said = [note for folder in folders.values() if folder is not None for note in _notes(folder)]
        found.append(replace(row, scores={**row.scores, **scores}, notes=tuple(dict.fromkeys((*row.notes, *said)))))
    return _with_forgetting(found, cells, store, options)


def harness_names(rows: Sequence[Row], declared: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of the lm-eval figures of these rows, in the order first met."""
    return tuple(
        dict.fromkeys(
            name for row in rows for name, entry in row.scores.items() if name not in declared and entry.get("harness")
        )
    )


def _keys(cell: Cell, beginning: str) -> dict[str, str]:
    return {role.removeprefix(beginning): key for role, key in cell.stages.items() if role.startswith(beginning)}


@lru_cache(maxsize=512)
def _scores(folder: Path, confidence: float, resamples: int, seed: int) -> dict[str, dict[str, Any]]:
    said, sample = json.loads((folder / FILE).read_text(encoding="utf-8")), Sufficient.read(folder)
    template = said["chat_template"]
    found = {}
    for name, figure in said["metrics"].items():
        entry = {"value": figure["value"], "low": None, "high": None, "n": figure["n"], "interval": None}
        table = sample.metrics.get(name)
        if table is not None and figure["value"] is not None:
            limits = interval(
                table,
                AGGREGATIONS[figure["aggregation"]],
                sample.ids,
                sample.groups,
                confidence=confidence,
                resamples=resamples,
                seed=seed,
                is_mean=figure["aggregation"] == "mean",
            )
            entry |= {
                "low": limits.low,
                "high": limits.high,
                "interval": limits.method,
                **({"warning": limits.warning} if limits.warning else {}),
            }
        signature = f"{figure['signature']}|template:{'none' if template is None else template[:12]}" + (
            f"|limit:{said['limit']}" if said["limit"] else ""
        )
        found[name] = entry | {
            "signature": signature,
            "higher_is_better": figure["higher_is_better"],
            "comparable_across_tokenizers": True,
            "failed": 0,
            "slices": {},
            "harness": said["task"],
        }
    return found


def _notes(folder: Path) -> list[str]:
    return list(Receipt.read(folder).details.get("notes", []))


def _with_forgetting(
    rows: Sequence[Row], cells: Mapping[str, Cell], store: Store, options: tuple[float, int, int]
) -> list[Row]:
    shared: dict[tuple[str, str], dict[str, list[str]]] = {}  # (task, base) -> tuned weights -> cells
    for row in rows:
        bases = _keys(cells[row.id], HARNESS_BASE) if row.done and row.id in cells else {}
        for task, base in bases.items():
            shared.setdefault((task, base), {}).setdefault(cells[row.id].stages[HARNESS + task], []).append(row.id)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for (_, base), tuned in shared.items():
        for key, name, forgotten in _forgotten(base, list(tuned), store, options):
            for cell in tuned[key]:
                found.setdefault(cell, {})[name] = forgotten.as_dict()
    return [replace(row, forgetting=found.get(row.id, {})) for row in rows]


def _forgotten(
    base: str, tuned: Sequence[str], store: Store, options: tuple[float, int, int]
) -> list[tuple[str, str, Forgetting]]:
    folders = {key: folder for key in (base, *tuned) if (folder := store.find(key)) is not None}
    if base not in folders:
        return []
    said = {key: json.loads((folder / FILE).read_text(encoding="utf-8"))["metrics"] for key, folder in folders.items()}
    samples = {key: Sufficient.read(folder) for key, folder in folders.items()}
    found = []
    for name, before in said[base].items():
        members = [key for key in folders if key != base and name in said[key] and said[key][name]["value"] is not None]
        if before["value"] is None or not members:
            continue
        alike = [
            key for key in (base, *members) if name in samples[key].metrics and samples[key].ids == samples[base].ids
        ]
        pairs = {}
        if base in alike and len(alike) > 1:
            compared = compare(
                {key: samples[key].metrics[name] for key in alike},
                AGGREGATIONS[before["aggregation"]],
                samples[base].ids,
                samples[base].groups,
                confidence=options[0],
                resamples=options[1],
                seed=options[2],
                family="baseline",
                baselines=[base],
                higher_is_better=before["higher_is_better"],
            )
            pairs = {pair.second: pair for pair in compared.declared}
        for key in members:
            after, pair = said[key][name]["value"], pairs.get(key)
            low, high = (
                (None, None) if pair is None or pair.low is None or pair.high is None else (-pair.high, -pair.low)
            )
            verdict = None if pair is None else {BETTER: WORSE, WORSE: BETTER}.get(pair.verdict, pair.verdict)
            found.append(
                (
                    key,
                    name,
                    Forgetting(
                        before["value"],
                        after,
                        after - before["value"],
                        low,
                        high,
                        verdict,
                        before["n"],
                        len(pairs) or 1,
                    ),
                )
            )
    return found


def forgetting_lines(rows: Sequence[Row], confidence: float) -> tuple[list[str], list[list[str]]]:
    """Returns head and lines of the table of forgetting, one line per trained cell and figure; no lines where nothing
    was trained.
    """
    head = ["lm-eval before and after training", "figure", "base", "tuned", f"change [{confidence:.0%}]", "told apart"]
    lines = []
    for row in rows:
        for name, one in row.forgetting.items():
            reach = "" if one["low"] is None else f" [{signed(one['low'], 3)}, {signed(one['high'], 3)}]"
            word = {BETTER: "better", WORSE: "worse", None: "n/a"}.get(one["verdict"], "no")
            lines.append(
                [
                    row.label,
                    name,
                    f"{one['base']:.3f}",
                    f"{one['tuned']:.3f}",
                    signed(one["difference"], 3) + reach,
                    word,
                ]
            )
    return head, lines
