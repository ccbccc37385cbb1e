"""The first page: what to choose and how sure that is, quality against cost, and the ranked table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftbench.report import figures
from ftbench.report.ranking import cost_of, frontier
from ftbench.report.rows import Row
from ftbench.report.view.labels import short
from ftbench.report.view.table import Table

CLEAR, UNDECIDED, ALONE, NOTHING = "clear", "undecided", "alone", "nothing"

LIMITS = {
    "latency_p95_ms": ("p95 latency", "ms", 1.0),
    "cost": ("cost per 1,000 requests", "", 1.0),
    "train_seconds": ("training time", "min", 60.0),
    "peak_memory_bytes": ("peak memory", "GB", 1e9),
}
"""Constraints that a reader may set: fact -> words, unit as typed, how much of the fact one such unit is."""


@dataclass(frozen=True)
class Line:
    """One cell of the ranked table.

    Attributes:
        row: of the report.
        label: short.
        rank: such as ``1-4``; empty without one.
        value, low, high: of the metric that orders the table.
        text: value and interval as people read them.
        cost: in the basis of the family, None for unknown.
        frontier: on the frontier of the cells shown.
        broken: constraints that it breaks, in words; empty for a cell that keeps them all.
    """

    row: Row
    label: str
    rank: str
    value: float
    low: float | None
    high: float | None
    text: str
    cost: float | None
    cost_text: str
    frontier: bool
    broken: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Cells that differ by their seed alone, or the trials of one approach.

    Attributes:
        name: what they share.
        lead: the line that stands for them: the best one, and the only one of most groups.
        lines: all of them, best first.
    """

    name: str
    lead: Line
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Verdict:
    """The sentence on top.

    Attributes:
        kind: ``clear``, ``undecided``, ``alone`` or ``nothing``.
        sentence: what to choose.
        sure: how sure that is.
        choice: id of the cell to choose, None where nothing can be.
        open: ids of the cells that may be the best.
        also: what else a decision should know, a sentence each.
    """

    kind: str
    sentence: str
    sure: str
    choice: str | None
    open: tuple[str, ...]
    also: tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """One family of cells, ready to be drawn.

    Attributes:
        family: as in ``results.json``.
        dataset, metric: names.
        higher: whether more of the metric is better.
        places: decimals of the metric.
        basis: ``usd_per_1k_requests``, ``seconds_per_1k_requests`` or None.
        n: examples; ``clusters``: independent ones.
        verdict: the sentence on top.
        groups: of the ranked table.
        lines: every shown cell, best first.
        hidden: how many cells of the family a filter hides.
    """

    family: dict[str, Any]
    dataset: str
    metric: str
    higher: bool
    places: int
    basis: str | None
    n: int | None
    clusters: int | None
    verdict: Verdict
    groups: tuple[Group, ...]
    lines: tuple[Line, ...]
    hidden: int


def axes_of(table: Table) -> dict[str, list[str]]:
    """Returns axis -> options, for the axes in which cells differ."""
    found: dict[str, list[str]] = {}
    for axis in ("model", "method", "context", "artifact", "dataset", "decoding", "seed", "hardware"):
        options = list(dict.fromkeys(choice_of(table, row, axis) for row in table.rows.values()))
        if len(options) > 1:
            found[axis] = options
    return found


def choice_of(table: Table, row: Row, axis: str) -> str:
    """Returns which option of an axis a cell takes, as text."""
    planned = table.home[row.id].cells.get(row.id, {}).get("choices", {})
    found = row.facts.get(axis, planned.get(axis))
    return "none" if found is None else str(found)


def decisions(table: Table, keep: Mapping[str, Sequence[str]] | None = None, limits: Mapping[str, float] | None = None) -> list[Decision]:
    """Returns one decision per family.

    Args:
        table: ranked cells.
        keep: axis -> options to show; an axis that is not named, or has none, shows all.
        limits: fact of ``LIMITS`` -> the most that is accepted, in units of the fact.
    """
    kept = {axis: set(options) for axis, options in (keep or {}).items() if options}
    found = [_decision(table, family, kept, dict(limits or {})) for family in table.families]
    return [one for one in found if one.lines]


def _decision(table: Table, family: dict[str, Any], keep: Mapping[str, set[str]], limits: Mapping[str, float]) -> Decision:
    rows = [table.rows[cell] for cell in family["cells"] if all(choice_of(table, table.rows[cell], axis) in options for axis, options in keep.items())]
    labels = short({row.id: row.label for row in rows})
    places = figures.decimals(rows, table.metric)
    basis = family["cost_basis"]
    points = [(row.id, float(row.value(table.metric)), cost_of(row, basis)) for row in rows] if basis else []
    best = set(frontier([point for point in points if point[2] is not None], table.higher))
    lines = [_line(table, family, row, labels[row.id], places, basis, row.id in best, limits) for row in rows]
    comparison = next(iter(family["comparisons"]), {})
    verdict = _verdict(table, family, lines, basis, comparison)
    n = rows[0].scores[table.metric].get("n") if rows else None
    return Decision(
        family, family["dataset"], table.metric, table.higher, places, basis, n, comparison.get("clusters"), verdict, tuple(_groups(table, lines)),
        tuple(lines), len(family["cells"]) - len(lines),
    )  # fmt: skip


def _line(table: Table, family: dict[str, Any], row: Row, label: str, places: int, basis: str | None, best: bool, limits: Mapping[str, float]) -> Line:
    entry = row.scores[table.metric]
    low, high = family["ranks"][row.id]
    amount = cost_of(row, basis) if basis else None
    facts = {**row.facts, "cost": amount}
    broken = tuple(
        f"{LIMITS[name][0]} not known" if facts.get(name) is None else f"{LIMITS[name][0]} {_measure(name, facts[name], basis)}"
        for name, most in limits.items()
        if facts.get(name) is None or facts[name] > most
    )
    rank = str(low) if low == high else f"{low}–{high}"
    text = figures.score(row, table.metric, places, limits=True)
    return Line(row, label, rank, entry["value"], entry.get("low"), entry.get("high"), text, amount, figures.cost(row, basis), best, broken)


def _measure(name: str, value: float, basis: str | None) -> str:
    if name == "latency_p95_ms":
        return f"{value:,.0f} ms"
    if name == "peak_memory_bytes":
        return figures.size(value)
    return figures.money(value) if name == "cost" and basis == "usd_per_1k_requests" else figures.duration(value)


def _groups(table: Table, lines: Sequence[Line]) -> list[Group]:
    """Returns the lines by method, seeds together, in the order of each group's best."""
    return [
        Group(_without_seed(members[0].label) if len(members) > 1 else members[0].label, members[0], tuple(members)) for members in _grouped(table, lines).values()
    ]


def _without_seed(label: str) -> str:
    return " ".join(word for word in label.split() if not word.startswith("seed=")) or label


def _verdict(table: Table, family: dict[str, Any], lines: Sequence[Line], basis: str | None, comparison: Mapping[str, Any]) -> Verdict:
    usable = [line for line in lines if not line.broken]
    if not usable:
        return Verdict(NOTHING, "No cell keeps every constraint.", "Loosen one, or add cells to the sweep.", None, (), ())
    lead = usable[0]
    also = tuple(_also(table, usable, lead, basis))
    if len(usable) == 1:
        rest = "The others break a constraint." if len(lines) > 1 else "There is nothing here to compare it with."
        only = "the only cell left" if len(lines) > 1 else "the only cell"
        return Verdict(ALONE, f"{lead.row.label} is {only}: {table.metric} {lead.text}.", rest, lead.row.id, (lead.row.id,), also)
    rivals = _open(family, usable, whole=len(usable) == len(family["cells"]))
    about = _about(table, family, usable, comparison)
    approaches = _approaches(table, family, usable, rivals)
    if len(approaches) == 1:
        (members,) = approaches
        name, text = (lead.row.label, lead.text) if len(members) == 1 else (f"{_without_seed(lead.row.label)} ({len(members)} seeds)", f"{_range(members, table)} over the seeds")
        sentence = f"Choose {name}: {table.metric} {text}, better than {_others(len(_grouped(table, usable)) - 1)}."
        return Verdict(CLEAR, sentence, about, lead.row.id, tuple(line.row.id for line in members), also)
    leads = [members[0] for members in approaches]
    priced = all(line.cost is not None for line in leads)
    cheapest = min(leads, key=lambda line: line.cost) if priced else lead
    total = len(_grouped(table, usable))
    noun = "cells" if total == len(usable) else "methods"
    count = f"{len(leads)} of {total} {noun} may be the best by {table.metric}" if len(leads) < total else f"Any of these {total} {noun} may be the best by {table.metric}"
    name = cheapest.row.label if noun == "cells" else _without_seed(cheapest.row.label)
    which = f"The cheapest of them to serve is {name} ({cheapest.cost_text} per 1,000 requests)." if priced else f"The highest is {name}."
    return Verdict(UNDECIDED, f"{count}. {which}", about, cheapest.row.id, tuple(line.row.id for members in approaches for line in members), also)


def _grouped(table: Table, lines: Sequence[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(table.methods.get(line.row.id, line.row.id), []).append(line)
    return found


def _open(family: dict[str, Any], usable: Sequence[Line], *, whole: bool) -> list[Line]:
    """Returns the cells that may be the best of the usable ones.

    Of a whole family: those that no cell was told to be better than. Of a part of it: those whose range of ranks reaches the first one's and
    that were not told to be worse than it; ranks know every pair, ``results.json`` holds the declared ones alone.
    """
    if whole:
        return [line for line in usable if family["ranks"][line.row.id][0] == 1]
    lead = usable[0].row.id
    told = {frozenset((pair["first"], pair["second"])) for pair in family["comparisons"] if not pair["tie"]}
    return [line for line in usable if family["ranks"][line.row.id][0] <= family["ranks"][lead][1] and frozenset((lead, line.row.id)) not in told]


def _approaches(table: Table, family: dict[str, Any], usable: Sequence[Line], rivals: Sequence[Line]) -> list[list[Line]]:
    """Returns the rivals by what they share but the seed, each with all its usable seeds; where seeds were compared, by that comparison."""
    grouped = _grouped(table, usable)
    names = dict.fromkeys(table.methods.get(line.row.id, line.row.id) for line in rivals)
    lead = next(iter(names))
    for gap in family.get("methods", ()):
        first, second = (table.methods.get(gap[side][0]) for side in ("first", "second"))
        if first == lead and second in grouped:
            if gap["low"] <= 0 <= gap["high"]:
                names[second] = None
            else:
                names.pop(second, None)
    return [grouped[name] for name in names]


def _range(members: Sequence[Line], table: Table) -> str:
    digits = figures.decimals([line.row for line in members], table.metric)
    low, high = min(line.value for line in members), max(line.value for line in members)
    return f"{low:.{digits}f} to {high:.{digits}f}"


def _others(count: int) -> str:
    return "the other one" if count == 1 else f"each of the other {count}"


def _about(table: Table, family: dict[str, Any], usable: Sequence[Line], comparison: Mapping[str, Any]) -> str:
    n, groups = usable[0].row.scores[table.metric].get("n"), comparison.get("clusters")
    over = f"{n} examples" if not groups or groups == n else f"{n} examples in {groups} groups"
    place = f", {table.slice[0]} = {table.slice[1]} only" if table.slice else ""
    seeds = {line.row.facts.get("seed") for line in usable}
    which = " One seed: this is about these checkpoints, not the methods that made them." if len(seeds) == 1 and any(line.row.trains for line in usable) else ""
    return f"{table.confidence:.0%} confidence over all comparisons together, {over}{place}. Not told apart is no proof of being equal.{which}"


def _also(table: Table, usable: Sequence[Line], lead: Line, basis: str | None) -> list[str]:
    said = []
    cheapest = min((line for line in usable if line.cost is not None), key=lambda line: line.cost, default=None)
    if cheapest is not None and lead.cost and cheapest.row.id != lead.row.id and cheapest.cost < lead.cost:
        gap = abs(lead.value - cheapest.value)
        digits = figures.decimals([lead.row], table.metric)
        less = "below" if table.higher else "above"
        said.append(f"The cheapest to serve is {cheapest.row.label}: {cheapest.cost_text} against {lead.cost_text} per 1,000 requests, at {gap:.{digits}f} {table.metric} {less} the leader.")
    for metric, entry in lead.row.scores.items():
        if metric == table.metric or entry.get("value") is None:
            continue
        scored = [line for line in usable if line.row.value(metric) is not None]
        sign = 1 if entry.get("higher_is_better", True) else -1
        top = max(scored, key=lambda line: sign * line.row.value(metric))
        if _apart(lead.row, top.row, metric, sign):
            digits = figures.decimals([line.row for line in scored], metric)
            said.append(f"{metric} points elsewhere: {top.row.label} has {top.row.value(metric):.{digits}f}, the leader {entry['value']:.{digits}f}.")
    return said


def _apart(first: Row, second: Row, metric: str, sign: int) -> bool:
    """Says whether the second's interval lies wholly beyond the first's: a coarse look, only to point the reader at another metric."""
    one, other = first.scores[metric], second.scores[metric]
    edges = (one.get("high"), other.get("low")) if sign > 0 else (other.get("high"), one.get("low"))
    return first.id != second.id and None not in edges and edges[0] < edges[1]
