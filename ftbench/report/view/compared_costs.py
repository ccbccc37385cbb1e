"""What cells cost in the one way that a reader weighs them: a thousand requests as measured, or owning them at
a load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ftbench.analysis import figures
from ftbench.analysis.ownership import comparable_costs, load_of
from ftbench.analysis.ranking import cost_of
from ftbench.analysis.rows import Row
from ftbench.core.components.earlier_names import of_today
from ftbench.cost.ownership import Choice, Load, ownership
from ftbench.report.view.table import Table
from ftbench.text import numbers

TOTAL = "total_usd"
ALIKE = 1.01
"""Totals within one per cent are called alike: no pace is measured better."""


@dataclass(frozen=True)
class Weighed:
    """What the cells of a family cost.

    Attributes:
        basis: ``total_usd``, ``usd_per_1k_requests``, ``seconds_per_1k_requests`` or None.
        load: at which the totals were added up; None for costs per 1,000 requests.
        costs: cell id -> cost in the basis, None for unknown.
        known: the same, but of those cells that have one where it is not known of every cell; what a verdict weighs.
    """

    basis: str | None
    load: Load | None
    costs: dict[str, float | None]
    known: dict[str, float | None]

    @property
    def per(self) -> str:
        return (
            "per 1,000 requests"
            if self.load is None
            else f"over {self.load.months:g} months at {self.load.requests_per_month:,.0f} requests a month"
        )

    @property
    def verb(self) -> str:
        return "to serve" if self.load is None else "to own"

    def text(self, amount: float | None) -> str:
        if self.basis == TOTAL:
            return numbers.money(amount)
        return figures.per_1k(amount, self.basis)

    def alike(self, one: float, other: float) -> bool:
        """Says whether two costs differ by no more than what no pace is measured to."""
        return max(one, other) <= ALIKE * min(one, other)


def weigh(table: Table, family: Mapping[str, Any], rows: Sequence[Row], load: Load | None) -> Weighed:
    """Returns what cells cost to own at a load, or per 1,000 requests: without a load, or where a total is unknown."""
    choices = choices_of(table) if load is not None else {}
    owned = {row.id: ownership(choices[row.id], load) for row in rows if row.id in choices} if load is not None else {}
    known, basis = comparable_costs(rows, owned)
    if basis == TOTAL and None not in known.values():
        return Weighed(TOTAL, load, known, known)
    basis = family["cost_basis"]
    costs = {row.id: cost_of(row, basis) if basis else None for row in rows}
    return Weighed(basis, None, costs, costs if basis else known)


def choices_of(table: Table) -> dict[str, Choice]:
    """Returns cell id -> what it costs as its sweep stored it; without cells that have no price, or whose sweep stored
    no decision.
    """
    known = {one.name for one in fields(Choice)}
    found = {}
    for sweep in {id(sweep): sweep for sweep in table.home.values()}.values():
        for family in (sweep.results or {}).get("families", ()):
            for one in (family.get("decision") or {}).get("choices") or ():
                choice = Choice.from_dict({key: value for key, value in of_today(one).items() if key in known})
                if table.home.get(choice.name) is sweep and (
                    choice.usd_per_request is not None
                    or (choice.machine_usd_per_hour is not None and choice.requests_per_second)
                ):
                    found[choice.name] = choice
    return found


def stated(table: Table) -> Load | None:
    """Returns the load that the first sweep's config states, None where it states none."""
    first = next(iter(table.home.values()), None)
    return None if first is None else load_of(first.settings.get("decision") or {})
