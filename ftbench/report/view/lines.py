"""The rows of the ranked table: cells, and the approaches or seeds that they are rolled up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from ftbench.analysis import figures
from ftbench.analysis.column import Shown
from ftbench.analysis.ranking import cost_of
from ftbench.analysis.rows import Row
from ftbench.cost.frontier import OFF, Place
from ftbench.report.view.approaches import cells_of
from ftbench.report.view.table import Table
from ftbench.report.view.weighed import Weighed
from ftbench.text import numbers

LIMITS = {
    "latency_p95_ms": ("p95 latency", "ms", 1.0),
    "cost": ("cost per 1,000 requests", "", 1.0),
    "train_seconds": ("training time", "min", 60.0),
    "peak_memory_bytes": ("peak memory", "GB", 1e9),
}
"""Constraints that a reader may set: fact -> words, unit as typed, how much of the fact one such unit is."""


CHOSEN, NOT_CHOSEN = "chosen", "not chosen"


@dataclass(frozen=True)
class Line:
    """One cell of the ranked table.

    Attributes:
        row: of the report.
        label: short.
        ranks: (best, worst).
        value, low, high: of the metric that orders the table.
        text: value and interval as people read them.
        cost, cost_text: as the reader weighs it, None for unknown; ``serving`` is per 1,000 requests, as measured.
        place: on or off the frontier of the cells shown; None for a trial that validation passed over.
        broken: constraints that it breaks, in words; empty for a cell that keeps them all.
        standing: what validation made of its configuration: ``CHOSEN``, ``NOT_CHOSEN``, or empty where its approach has
            no other.
        tried: how many configurations its approach has.
    """

    row: Row
    label: str
    ranks: tuple[int, int]
    value: float
    low: float | None
    high: float | None
    text: str
    cost: float | None
    cost_text: str
    serving: str
    place: Place | None
    broken: tuple[str, ...]
    standing: str = ""
    tried: int = 1

    @property
    def frontier(self) -> bool:
        return self.place is not None and self.place.on_frontier

    @property
    def state(self) -> str:
        """How it stands to the frontier, as in ``ftbench.cost.frontier``."""
        return OFF if self.place is None else self.place.state

    @property
    def rank(self) -> str:
        return _rank_range(*self.ranks)


@dataclass(frozen=True)
class Group:
    """What the sentence on top weighs as one: an approach with its trials and seeds, or cells that differ by seed.

    Attributes:
        name: short; ``label`` in full.
        ranks: (best, worst): among approaches where ``by_approach``, else those of its first cell among cells.
        value, low, high, text: of the metric, mean over the seeds.
        cost, cost_text, serving: as of a line, mean over the seeds.
        training: of all its trials and seeds, in words.
        lead: the line that stands for it: of the configuration that validation chose, the first seed.
        lines: of the chosen configuration, one per seed.
        trials: lines of the configurations that were not chosen.
        chosen: the configuration that was chosen, in words; empty where there was one alone.
        tried: configurations that validation chose among; those of a search by ``effort`` were never asked the test
            split, and have no line.
    """

    name: str
    label: str
    ranks: tuple[int, int]
    value: float
    low: float | None
    high: float | None
    text: str
    cost: float | None
    cost_text: str
    serving: str
    training: str
    lead: Line
    lines: tuple[Line, ...]
    trials: tuple[Line, ...]
    chosen: str
    tried: int

    @property
    def rank(self) -> str:
        return _rank_range(*self.ranks)


def _rank_range(best: int, worst: int) -> str:
    return str(best) if best == worst else f"{best}–{worst}"


def line_of(
    table: Table,
    family: dict[str, Any],
    row: Row,
    label: str,
    digits: int,
    weighed: Weighed,
    place: Place | None,
    limits: Mapping[str, float],
) -> Line:
    """Returns one cell of the ranked table."""
    basis = family["cost_basis"]
    entry = row.scores[table.metric]
    low, high = family["ranks"][row.id]
    amount = cost_of(row, basis) if basis else None
    facts = {**row.facts, "cost": amount}
    broken = tuple(
        (
            f"{LIMITS[name][0]} not known"
            if facts.get(name) is None
            else f"{LIMITS[name][0]} {_measure(name, facts[name], basis)}"
        )
        for name, most in limits.items()
        if facts.get(name) is None or facts[name] > most
    ) + declared(table, row.id)
    own, text = weighed.costs[row.id], figures.score(row, table.metric, digits, limits=True)
    ends = (entry["value"], entry.get("low"), entry.get("high"))
    costs = (own, weighed.text(own), figures.cost(row, basis))
    return Line(row, label, (low, high), *ends, text, *costs, place, broken, *standing(table, row.id))


def shown(line: Line, *, total: bool) -> Shown:
    """Returns a line as the tables of cells show it; with ``total`` by what it costs in all, not by its training."""
    spent = line.cost_text if total else figures.training(line.row)
    return Shown(line.row, line.rank, line.row.label, line.serving, spent)


def standing(table: Table, cell: str) -> tuple[str, int]:
    """Returns what validation made of a cell's configuration, and how many its approach has."""
    for approach in table.approaches:
        configurations = approach["configurations"]
        chosen = [one["chosen"] for one in configurations if cell in one["cells"]]
        chosen += [True] if cell in approach["cells"] else []
        if chosen:
            return "" if len(configurations) < 2 else CHOSEN if any(chosen) else NOT_CHOSEN, len(configurations)
    return "", 1


def standing_words(line: Line) -> str:
    """Returns what validation made of a cell's configuration, for beside its name; empty where there is no other."""
    return f"best of {line.tried} trials" if line.standing == CHOSEN else line.standing


def by_approach(table: Table, family: Mapping[str, Any]) -> bool:
    """Tells whether the groups of a family have ranks as approaches: the run ranked them, and each has a choice."""
    cells = set(family["cells"])
    own = [one for one in table.approaches if not cells.isdisjoint(cells_of(one))]
    return table.own and bool(own) and all(one["cells"] for one in own)


def declared(table: Table, cell: str) -> tuple[str, ...]:
    """Returns the constraints of the sweep's own config (``decision.constraints``) that a cell is not known to keep, in
    words.
    """
    families = (table.home[cell].results or {}).get("families", ())
    stored = next(
        (
            kept[cell]
            for family in families
            if cell in (kept := (family.get("decision") or {}).get("constraints") or {})
        ),
        (),
    )
    return tuple(
        f"{one['name']} {numbers.UNKNOWN if one['value'] is None else format(one['value'], '.3g')}, at most"
        f" {one['most']:g}"
        for one in stored
        if not one["kept"]
    )


def _measure(name: str, value: float, basis: str | None) -> str:
    if name == "latency_p95_ms":
        return numbers.milliseconds(value)
    if name == "peak_memory_bytes":
        return numbers.size(value)
    return numbers.money(value) if name == "cost" and basis == "usd_per_1k_requests" else numbers.duration(value)


def passed_over(table: Table) -> set[str]:
    """Returns the cells of configurations that validation did not choose; on test they may only look lucky
    (mistake 29).
    """
    return {
        cell
        for approach in table.approaches
        if approach["cells"]
        for one in approach["configurations"]
        if not one["chosen"]
        for cell in one["cells"]
    }


def groups_of(
    table: Table, family: Mapping[str, Any], lines: Sequence[Line], basis: str | None, weighed: Weighed, places: int
) -> list[Group]:
    """Returns what the sentence on top weighs, best first.

    Approaches as ``results.json`` rolled them up, else cells that differ by their seed alone.
    """
    known = {line.row.id: line for line in lines}
    ranked = by_approach(table, family)
    found, seen = [], set()
    for approach in table.approaches:
        members = [known[cell] for cell in approach["cells"] if cell in known]
        if members:
            trials = [
                known[cell]
                for one in approach["configurations"]
                if not one["chosen"]
                for cell in one["cells"]
                if cell in known
            ]
            found.append(_approach(table, approach, members, trials, basis, weighed, places, ranked))
            seen |= {line.row.id for line in (*members, *trials)}
    for members in _grouped(table, [line for line in lines if line.row.id not in seen]).values():
        found.append(_seeds(members))
    return sorted(found, key=lambda group: -group.value if table.higher else group.value)


def _approach(
    table: Table,
    approach: Mapping[str, Any],
    members: Sequence[Line],
    trials: Sequence[Line],
    basis: str | None,
    weighed: Weighed,
    places: int,
    ranked: bool,
) -> Group:
    lead, mean = members[0], approach["scores"].get(table.metric)
    name = _without_seed(lead.label) if len(members) > 1 else lead.label
    chosen = ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in (approach["configuration"] or {}).items())
    label = approach["label"] if len(members) > 1 or trials else lead.row.label
    tried = len(approach["configurations"])
    if (
        table.slice is not None or mean is None or len(members) < len(approach["cells"])
    ):  # means are of all examples and seeds
        return replace(_seeds(members), trials=tuple(trials), chosen=chosen, tried=tried, label=label)
    ranks = lead.ranks
    if ranked and approach["rank"]:
        ranks = tuple(int(part) for part in (approach["rank"].split("-") * 2)[:2])
    served = approach.get(basis) if basis else None
    own = [line.cost for line in members]
    amount = served if weighed.load is None else None if None in own else fmean(own)
    text = figures.score(replace(lead.row, scores={table.metric: mean}), table.metric, places, limits=True)
    training = figures.spent(approach["train_seconds"] != 0.0, approach["train_seconds"], approach["train_usd"])
    return Group(
        name,
        label,
        ranks,
        mean["value"],
        mean["low"],
        mean["high"],
        text,
        amount,
        weighed.text(amount),
        figures.per_1k(served, basis),
        training,
        lead,
        tuple(members),
        tuple(trials),
        chosen,
        tried,
    )


def _seeds(members: Sequence[Line]) -> Group:
    """Returns cells that differ by their seed alone, as their best one."""
    lead = members[0]
    several = len(members) > 1
    name, label = (
        (_without_seed(lead.label), _without_seed(lead.row.label)) if several else (lead.label, lead.row.label)
    )
    return Group(
        name,
        label,
        lead.ranks,
        lead.value,
        lead.low,
        lead.high,
        lead.text,
        lead.cost,
        lead.cost_text,
        lead.serving,
        figures.training(lead.row),
        lead,
        tuple(members),
        (),
        "",
        1,
    )


def _without_seed(label: str) -> str:
    return " ".join(word for word in label.split() if not word.startswith("seed=")) or label


def _grouped(table: Table, lines: Sequence[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(table.methods.get(line.row.id, line.row.id), []).append(line)
    return found
