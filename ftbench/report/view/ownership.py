"""What the cells of a family cost to own at a load that the reader chooses: ``ftbench.cost.ownership`` over what
``results.json`` stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ftbench.cost.break_even import BreakEven, break_even
from ftbench.cost.ownership import Choice, Load, Ownership, ownership
from ftbench.report.view.decision import Decision

POINTS = 60
VOLUMES = tuple(factor * 10**power for power in range(2, 9) for factor in (1, 2, 5))
"""Requests a month that a slider offers: 100 to 500 million."""


@dataclass(frozen=True)
class Owned:
    """The cells at one load.

    Attributes:
        load: what is asked.
        totals: cell id -> cost over all months, None for unknown.
        cheapest: id of the cheapest of those that may be the best; None where a cost is unknown.
        owned: cell id -> parts of the cost.
        lines: cell id -> (requests a month, total cost) over the volumes drawn.
        crossings: where the cheaper of two contenders changes; contenders are those that may be the best or are on the
            frontier.
    """

    load: Load
    totals: dict[str, float | None]
    cheapest: str | None
    owned: dict[str, Ownership]
    lines: dict[str, tuple[tuple[float, float], ...]]
    crossings: tuple[BreakEven, ...]


def owned(decision: Decision, choices: Mapping[str, Choice], load: Load) -> Owned:
    """Returns the cells of a decision at a load; those without a known price are left out."""
    shown = [line.row.id for line in decision.lines if line.row.id in choices]
    found = {cell: ownership(choices[cell], load) for cell in shown}
    totals = {cell: one.total_usd for cell, one in found.items()}
    rivals = [cell for cell in decision.contenders if totals.get(cell) is not None]
    cheapest = (
        min(rivals, key=lambda cell: totals[cell]) if rivals and len(rivals) == len(decision.contenders) else None
    )
    contenders = _contenders(decision, shown, totals)
    pairs = [(one, other) for place, one in enumerate(contenders) for other in contenders[place + 1 :]]
    crossings = tuple(break_even(choices[one], choices[other], load) for one, other in pairs)
    return Owned(load, totals, cheapest, found, _lines(choices, contenders, load), crossings)


def _contenders(
    decision: Decision, shown: Sequence[str], totals: Mapping[str, float | None], most: int = 5
) -> list[str]:
    wanted = [
        line.row.id
        for line in decision.lines
        if line.row.id in shown
        and totals[line.row.id] is not None
        and (line.row.id in decision.contenders or line.frontier)
    ]
    return wanted[:most]


def _lines(
    choices: Mapping[str, Choice], cells: Sequence[str], load: Load
) -> dict[str, tuple[tuple[float, float], ...]]:
    """Returns total cost against volume, from a hundredth to a hundred times the load; the peak keeps its ratio to the
    volume.
    """
    volumes = [load.requests_per_month * 10 ** (4 * place / (POINTS - 1) - 2) for place in range(POINTS)]
    found = {}
    for cell in cells:
        points = []
        for volume in volumes:
            total = ownership(
                choices[cell], Load(load.months, volume, load.peak_per_request * volume, load.retrains_per_month)
            ).total_usd
            if total is not None and total > 0:
                points.append((volume, total))
        found[cell] = tuple(points)
    return found
