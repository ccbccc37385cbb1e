"""Cells that cannot be deployed, in words: an upper bound (a ceiling) and no choice (docs/mistakes.md, number 44)."""

from __future__ import annotations

from collections.abc import Sequence

from ftbench.analysis import figures
from ftbench.analysis.rows import Row
from ftbench.text import numbers

CEILING = "ceiling, cannot be deployed"
MARK = " (ceiling)"
"""Stands behind the label of such a cell wherever it is among others: outputs, all metrics, slices."""


def ceiling_lines(rows: Sequence[Row], metric: str, basis: str | None) -> list[str]:
    """Returns one line per ceiling, to stand below the ranked table.

    Args:
        rows: done cells that are not deployable, with a value of the metric.
        metric: that the table is ordered by.
        basis: of the table's costs, see ``ftbench.analysis.ranking.COST_BASES``.
    """
    places = figures.decimals(rows, metric)
    lines = []
    for row in rows:
        cost = figures.cost(row, basis)
        price = "" if cost == numbers.UNKNOWN else f", {cost} per 1,000 requests"
        score = figures.score(row, metric, places, limits=True)
        lines.append(f"{CEILING}: {row.label.removesuffix(MARK)}: {metric} {score}{price}")
    return lines


def nothing_to_choose(count: int, metric: str) -> str:
    """Returns the headline of results in which nothing but ceilings has a score."""
    which = "the only cell" if count == 1 else f"each of the {count} cells"
    return f"Nothing can be recommended: {which} with a value of {metric} is a {CEILING}."
