"""The first page: what to choose and how sure that is, quality against cost, and the ranked table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftbench.analysis import figures
from ftbench.analysis.column import Column
from ftbench.analysis.rows import Row
from ftbench.analysis.verdict import Verdict, candidates, decide_between, passed_over
from ftbench.core.cell import sub_axes
from ftbench.cost.frontier import Place, mark_frontier, verdicts_of
from ftbench.cost.ownership import Load
from ftbench.report.view.approaches import ApproachRow, approach_rows
from ftbench.report.view.compared_costs import Weighed, stated, weigh
from ftbench.report.view.groups import Group, groups_of
from ftbench.report.view.labels import short
from ftbench.report.view.lines import Line, line_of
from ftbench.report.view.phrasing import Headline, headline_of
from ftbench.report.view.table import Table

STATED = "stated"
QUALITY, COST = "quality", "cost"


@dataclass(frozen=True)
class Decision:
    """One family of cells, ready to be drawn.

    Attributes:
        family: as in ``results.json``.
        dataset, metric: names.
        higher: whether more of the metric is better.
        places: decimals of the metric.
        weighed: what the cells cost, and in what.
        basis: of the costs per 1,000 requests: ``usd_per_1k_requests``, ``seconds_per_1k_requests`` or None.
        n: examples; ``clusters``: independent ones.
        verdict: on the shown cells, at the costs that are weighed; ``headline``: the same in words.
        contenders: ids of the cells that may be the best, of every seed.
        groups: the candidates of the verdict, see ``ftbench.report.view.groups.Group``.
        lines: every shown cell that was chosen, best first; trials that validation passed over are in their groups
            alone.
        hidden: how many cells of the family a filter hides.
        order: of the ranked table and the groups: ``QUALITY`` or ``COST``.
        cells: the ranked table: every shown cell, chosen or not, with its rank among cells.
        approaches: how the run rolled the cells up, one row each; empty where that says no more than the cells, or is
            of another metric.
        ceilings: cells that cannot be deployed, best first; they take part in nothing of the above.
        own_columns: columns of the users' own.
    """

    family: dict[str, Any]
    dataset: str
    metric: str
    higher: bool
    places: int
    weighed: Weighed
    basis: str | None
    n: int | None
    clusters: int | None
    verdict: Verdict
    headline: Headline
    contenders: tuple[str, ...]
    groups: tuple[Group, ...]
    lines: tuple[Line, ...]
    hidden: int
    order: str = QUALITY
    cells: tuple[Line, ...] = ()
    approaches: tuple[ApproachRow, ...] = ()
    ceilings: tuple[Row, ...] = ()
    own_columns: tuple[Column, ...] = ()


def places_by_cost(decision: Decision) -> dict[str, str]:
    """Returns id of a cell -> its place by cost, a range where others cost alike; without cells of unknown cost."""
    known = {line.row.id: line.cost for line in decision.cells if line.cost is not None}
    found = {}
    for cell, cost in known.items():
        alike = [other for other in known.values() if decision.weighed.alike(other, cost)]
        first = 1 + sum(other < cost for other in known.values() if not decision.weighed.alike(other, cost))
        last = first + len(alike) - 1
        found[cell] = str(first) if first == last else f"{first}–{last}"
    return found


def axes_of(table: Table) -> dict[str, list[str]]:
    """Returns axis or sub-axis -> options, for those in which cells differ."""
    found: dict[str, list[str]] = {}
    groups = sub_axes(row.facts for row in table.rows.values())
    for axis in ("model", "method", "context", "artifact", "dataset", "decoding", *groups, "seed", "hardware"):
        options = list(dict.fromkeys(choice_of(table, row, axis) for row in table.rows.values()))
        if len(options) > 1:
            found[axis] = options
    return found


def choice_of(table: Table, row: Row, axis: str) -> str:
    """Returns which option of an axis or sub-axis a cell takes, as text."""
    found = row.facts.get(axis, table.home[row.id].choices(row.id).get(axis))
    return "none" if found is None else str(found)


def decisions(
    table: Table,
    keep: Mapping[str, Sequence[str]] | None = None,
    limits: Mapping[str, float] | None = None,
    load: Load | str | None = STATED,
    order: str = QUALITY,
) -> list[Decision]:
    """Returns one decision per family.

    Args:
        table: ranked cells.
        keep: axis -> options to show; an axis that is not named, or has none, shows all.
        limits: fact of ``LIMITS`` -> the most that is accepted, in units of the fact.
        load: at which the total cost of ownership is weighed; None weighs the cost of 1,000 requests, ``STATED`` what
            the sweep's config states.
        order: of the ranked table: ``QUALITY`` or ``COST``.
    """
    kept = {axis: set(options) for axis, options in (keep or {}).items() if options}
    at = stated(table) if load == STATED else load
    found = [_decision(table, family, kept, dict(limits or {}), at, order) for family in table.families]
    return [one for one in found if one.lines]


def _decision(
    table: Table,
    family: dict[str, Any],
    keep: Mapping[str, set[str]],
    limits: Mapping[str, float],
    load: Load | None,
    order: str,
) -> Decision:
    def shown(row: Row) -> bool:
        return all(choice_of(table, row, axis) in options for axis, options in keep.items())

    rows = [table.rows[cell] for cell in family["cells"] if shown(table.rows[cell])]
    labels = short({row.id: row.label for row in rows})
    digits = figures.decimals(rows, table.metric)
    basis = family["cost_basis"]
    passed = passed_over(table.approaches)
    weighed = weigh(table, family, rows, load)
    stand = placed(family, {cell: cost for cell, cost in weighed.known.items() if cell not in passed})
    lines = [line_of(table, family, row, labels[row.id], digits, weighed, stand.get(row.id), limits) for row in rows]
    comparison = next(iter(family["comparisons"]), {})
    own = candidates([row.id for row in rows], table.approaches, table.methods)
    values = {line.row.id: line.value for line in lines}
    broken = {line.row.id for line in lines if line.broken}
    verdict = decide_between(
        family, own, values, weighed.known, lambda cell: cell not in broken, table.margin, table.higher
    )
    groups = groups_of(table, family, lines, own, basis, weighed, digits)
    contenders = [group for group in groups if group.lead.row.id in verdict.contenders]
    trials = {line.row.id for group in groups for line in group.trials}
    headline = headline_of(table, verdict, groups, comparison, weighed)
    n = rows[0].scores[table.metric].get("n") if rows else None
    cells = list(lines)
    if order == COST:
        for entries in (groups, cells):
            entries.sort(key=lambda one: (one.cost is None, one.cost or 0.0))
    kept = tuple(line for line in lines if line.row.id not in trials)
    rolled = approach_rows(table, family, {row.id for row in rows}, digits)
    ceilings = tuple(row for row in table.ceilings(family) if shown(row))
    return Decision(
        family,
        family["dataset"],
        table.metric,
        table.higher,
        digits,
        weighed,
        basis,
        n,
        comparison.get("clusters"),
        verdict,
        headline,
        tuple(line.row.id for group in contenders for line in group.lines),
        tuple(groups),
        kept,
        len(family["cells"]) - len(lines),
        order,
        tuple(cells),
        rolled,
        ceilings,
        tuple({column.name: column for sweep in table.home.values() for column in sweep.own_columns}.values()),
    )


def placed(family: Mapping[str, Any], costs: Mapping[str, float | None]) -> dict[str, Place]:
    """Returns where the cells of ``costs`` stand at these costs, by the family's comparisons: the rule of the stored
    decision.
    """
    return {
        place.name: place for place in mark_frontier(costs, verdicts_of(family.get("pairs", family["comparisons"])))
    }
