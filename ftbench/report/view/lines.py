"""The rows of the ranked table: its cells, with what each costs and which constraints it breaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ftbench.analysis import figures
from ftbench.analysis.column import Shown
from ftbench.analysis.ranking import cost_of
from ftbench.analysis.rows import Row
from ftbench.cost.frontier import OFF, Place
from ftbench.report.view.compared_costs import Weighed
from ftbench.report.view.table import Table
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
        return rank_range(*self.ranks)


def rank_range(best: int, worst: int) -> str:
    """Returns ``2``, or the range of a tie."""
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
