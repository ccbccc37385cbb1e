"""All metrics with intervals, the comparisons that were declared, seeds apart from sampling, slices, correlations, and
the data.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ftbench.analysis import figures
from ftbench.report.view.cell import checks_of
from ftbench.report.view.outputs import index, question
from ftbench.report.view.sweep import Sweep, read_lines
from ftbench.report.view.table import Table
from ftbench.text import numbers
from ftbench.text.numbers import p_value


@dataclass(frozen=True)
class Score:
    """One metric of one cell, as text and numbers; ``place`` and ``width`` are shares of the metric's axis."""

    cell: str
    label: str
    value: float | None
    low: float | None
    high: float | None
    text: str
    n: int | None
    failed: int | None
    reason: str | None


@dataclass(frozen=True)
class MetricTable:
    """One metric over all cells.

    Attributes:
        signature: how it is computed.
        interval: how its intervals were made.
        axis: the least and greatest end of any interval.
    """

    name: str
    higher: bool
    places: int
    signature: str | None
    interval: str | None
    axis: tuple[float, float]
    scores: tuple[Score, ...]


@dataclass(frozen=True)
class Pair:
    """One declared comparison."""

    first: str
    second: str
    value: str
    interval: str
    p: str
    p_adjusted: str
    verdict: str
    tie: bool
    differing: int
    clusters: int
    mcnemar: str | None


@dataclass(frozen=True)
class Seeds:
    """Two methods over their seeds: the error that more examples would mend, and the one that only more seeds would."""

    first: str
    second: str
    value: str
    interval: str
    sampling: float
    seeds: float
    clear: bool


@dataclass(frozen=True)
class Heat:
    """A metric over the values of one column: [cells][values], None where there is none."""

    metric: str
    column: str
    values: tuple[str, ...]
    counts: tuple[int | None, ...]
    cells: tuple[str, ...]
    numbers: tuple[tuple[float | None, ...], ...]
    places: int
    higher: bool


@dataclass(frozen=True)
class Data:
    """One data set: rows by split, notes, lengths and checks."""

    dataset: str
    counts: dict[str, int]
    notes: tuple[str, ...]
    lengths: tuple[tuple[str, str, int, int, int, int], ...]
    checks: Any


def metric_tables(table: Table, metrics: Sequence[str]) -> list[MetricTable]:
    """Returns one table per metric, cells in the order of the ranking."""
    found = []
    for name in metrics:
        rows = [row for row in table.rows.values() if name in row.scores]
        if not rows:
            continue
        places = figures.decimals(rows, name)
        ends = [
            end for row in rows for key in ("low", "value", "high") if (end := row.scores[name].get(key)) is not None
        ]
        first = rows[0].scores[name]
        scores = tuple(_score(row, name, places) for row in rows)
        axis = (min(ends), max(ends)) if ends else (0.0, 1.0)
        found.append(
            MetricTable(
                name,
                bool(first.get("higher_is_better", True)),
                places,
                first.get("signature"),
                first.get("interval"),
                axis,
                scores,
            )
        )
    return found


def _score(row: Any, name: str, places: int) -> Score:
    entry = row.scores[name]
    return Score(
        row.id,
        row.label,
        entry.get("value"),
        entry.get("low"),
        entry.get("high"),
        figures.score(row, name, places, limits=True),
        entry.get("n"),
        entry.get("failed"),
        entry.get("reason"),
    )


def pairs(table: Table, family: dict[str, Any]) -> list[Pair]:
    """Returns the declared comparisons of a family after adjustment."""
    rows = [table.rows[cell] for cell in family["cells"]]
    places = figures.decimals(rows, table.metric)
    found = []
    for one in family["comparisons"]:
        limits = (
            "n/a"
            if one["low"] is None
            else f"{numbers.signed(one['low'], places)} to {numbers.signed(one['high'], places)}"
        )
        test = one.get("mcnemar")
        exact = (
            f"{test['first_only']} : {test['second_only']}, p {p_value(test['p'])}"
            if test and {"first_only", "second_only", "p"} <= test.keys()
            else None
        )
        found.append(
            Pair(
                table.labels.get(one["first"], one["first"]),
                table.labels.get(one["second"], one["second"]),
                numbers.signed(one["value"], places),
                limits,
                p_value(one["p"]),
                p_value(one["p_adjusted"]),
                one.get("verdict") or ("undecided" if one["tie"] else ""),
                one["tie"],
                one["differing"],
                one["clusters"],
                exact,
            )
        )
    return found


def seed_gaps(table: Table, family: dict[str, Any]) -> list[Seeds]:
    """Returns the comparisons of methods over several seeds."""
    places = figures.decimals([table.rows[cell] for cell in family["cells"]], table.metric) + 1
    found = []
    for one in family.get("methods", ()):
        sides = [_method(table, one[side]) for side in ("first", "second")]
        limits = f"{numbers.signed(one['low'], places)} to {numbers.signed(one['high'], places)}"
        found.append(
            Seeds(
                *sides,
                numbers.signed(one["value"], places),
                limits,
                one["sampling_error"],
                one["seed_error"],
                one["low"] > 0 or one["high"] < 0,
            )
        )
    return found


def _method(table: Table, cells: Sequence[str]) -> str:
    words = [word for word in table.labels.get(cells[0], cells[0]).split() if not word.startswith("seed=")]
    return f"{' '.join(words)} ({len(cells)} seeds)" if len(cells) > 1 else f"{' '.join(words)} (one run)"


def heats(table: Table, metrics: Sequence[str], most_values: int = 24) -> list[Heat]:
    """Returns a heat map per metric and column that cells were scored by."""
    found = []
    for metric in metrics:
        rows = [row for row in table.rows.values() if row.scores.get(metric, {}).get("slices")]
        columns = dict.fromkeys(column for row in rows for column in row.scores[metric]["slices"])
        for column in columns:
            having = [row for row in rows if column in row.scores[metric]["slices"]]
            values = list(dict.fromkeys(value for row in having for value in row.scores[metric]["slices"][column]))
            if not 2 <= len(values) <= most_values:
                continue
            cells = [row.scores[metric]["slices"][column] for row in having]
            counts = tuple(next((one[value].get("n") for one in cells if value in one), None) for value in values)
            numbers = tuple(tuple(one.get(value, {}).get("value") for value in values) for one in cells)
            higher = bool(having[0].scores[metric].get("higher_is_better", True))
            found.append(
                Heat(
                    metric,
                    column,
                    tuple(values),
                    counts,
                    tuple(row.label for row in having),
                    numbers,
                    figures.decimals(having, metric),
                    higher,
                )
            )
    return found


def correlations(table: Table, metrics: Sequence[str]) -> tuple[tuple[str, ...], list[list[float | None]], int]:
    """Returns metrics, Spearman's correlation of their per-example scores (mean over cells), and the number of cells.

    More than 30 cells are thinned evenly. A metric for which less is better is turned, so that agreement is positive.
    """
    done = [row.id for row in table.rows.values() if row.done and table.home[row.id].folder_of(row.id, "score.test")]
    chosen = done[:: max(1, -(-len(done) // 30))]
    ranks: dict[str, dict[str, np.ndarray]] = {cell: {} for cell in chosen}
    for metric in metrics:
        for cell in chosen:
            if metric in table.rows[cell].scores:
                found = index(table, [cell], metric)
                if len(found.ids) > 2 and np.isfinite(found.scores).all() and np.ptp(found.scores[0]) > 0:
                    ranks[cell][metric] = _ranks(found.scores[0] if found.higher else -found.scores[0])
    names = tuple(metric for metric in metrics if any(metric in one for one in ranks.values()))
    matrix: list[list[float | None]] = []
    for one in names:
        line: list[float | None] = []
        for other in names:
            both = [
                np.corrcoef(cell[one], cell[other])[0, 1] for cell in ranks.values() if one in cell and other in cell
            ]
            line.append(float(np.mean(both)) if both else None)
        matrix.append(line)
    return names, matrix, len(chosen)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Returns ranks from 0, ties sharing their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts + 1) / 2)[inverse]


def data(sweeps: Sequence[Sweep], *, lengths: bool) -> list[Data]:
    """Returns every data set of the sweeps.

    Args:
        lengths: whether to read the rows for the lengths of questions and answers, in words.
    """
    found: dict[str, Data] = {}
    for sweep in sweeps:
        for cell in sweep.plan["cells"]:
            key = cell["stages"].get("prepare", "")
            folder = sweep.stage_folder(key)
            if key in found or folder is None:
                continue
            summary = (
                json.loads((folder / "summary.json").read_text(encoding="utf-8"))
                if (folder / "summary.json").is_file()
                else {}
            )
            measured = tuple(_lengths(folder, split) for split in ("train", "validation", "test")) if lengths else ()
            found[key] = Data(
                cell["choices"].get("dataset", ""),
                dict(summary.get("counts", {})),
                tuple(summary.get("notes", ())),
                tuple(row for rows in measured for row in rows),
                checks_of(sweep, cell["stages"]),
            )
    return list(found.values())


def _lengths(folder: Any, split: str) -> list[tuple[str, str, int, int, int, int]]:
    path = folder / f"{split}.jsonl"
    if not path.is_file():
        return []
    asked, answered = [], []
    for row in read_lines(path):
        asked.append(len(question(row).split()))
        answer = row.get("target") or next(iter(row.get("references") or ()), None)
        answered += [len(answer.split())] if answer else []
    return [
        (split, name, len(counts), *(int(np.quantile(counts, share)) for share in (0.5, 0.95, 1.0)))
        for name, counts in (("question", asked), ("answer", answered))
        if counts
    ]
