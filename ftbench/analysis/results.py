"""The results of a matrix: rows in the order of the table, families, and the notes that stand below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ftbench.analysis import figures
from ftbench.analysis.approaches import Approach, methods_of, roll_up, scored
from ftbench.analysis.column import Column, Shown
from ftbench.analysis.costs import costs_of
from ftbench.analysis.data_checks import data_reports, leak_notes
from ftbench.analysis.decision import Decision, decide
from ftbench.analysis.finished_stages import weights_stages
from ftbench.analysis.harness import harness_names, with_harness
from ftbench.analysis.label_efficiency import curves
from ftbench.analysis.own_columns import with_own
from ftbench.analysis.ownership import failed_usd_of
from ftbench.analysis.ranking import Family, families, method_key
from ftbench.analysis.rows import CellOutcome, Row, build_rows, metric_names, primary_metric
from ftbench.core.cell import sub_axes
from ftbench.core.plan import Plan
from ftbench.cost.frontier import MARKS, OFF, UNDECIDED, UNPRICED
from ftbench.stats.failures import raised_line
from ftbench.store.store import Store
from ftbench.text.secrets import scrub

FREE_TEXTS = ("raised", "reason", "warning")
"""Fields of an entry of ``scores.json`` that quote errors."""


@dataclass(frozen=True)
class Results:
    """What a run found.

    Attributes:
        metrics: in the order typed.
        primary: the metric that orders the table.
        statistics: confidence, resamples and seed of the intervals.
        rows: ranked cells family by family, then ceilings and done cells without a value, then the rest.
        families: cells ranked together.
        notes: sentences that stand below the table.
        approaches: the cells rolled up, best first.
        data_checks: see ``ftbench.analysis.data_checks``.
        decisions: one per family, in their order.
        labels: curves of label efficiency (``ftbench.analysis.label_efficiency``).
        own_columns: columns of a user's own, whose values stand among the facts of the rows.
        costs: cell -> ``account`` (``ftbench.cost.breakdown``) and ``forecast`` beside what was measured.
    """

    metrics: tuple[str, ...]
    primary: str
    statistics: dict[str, Any]
    rows: tuple[Row, ...]
    families: tuple[Family, ...]
    notes: tuple[str, ...]
    approaches: tuple[Approach, ...] = ()
    data_checks: tuple[dict[str, Any], ...] = ()
    decisions: tuple[Decision, ...] = ()
    costs: dict[str, Any] = field(default_factory=dict)
    labels: tuple[dict[str, Any], ...] = ()
    own_columns: tuple[Column, ...] = ()

    @property
    def sub_axes(self) -> tuple[str, ...]:
        """The sub-axes that any cell has."""
        return sub_axes(row.facts for row in self.rows)

    @property
    def rolled(self) -> bool:
        """Whether the approaches say more than the cells: there are several seeds, or trials."""
        return any(approach.rolled for approach in self.approaches)

    def row(self, cell: str) -> Row:
        return next(row for row in self.rows if row.id == cell)

    def candidate_label(self, cell: str) -> str:
        """Returns what a candidate is called: the label of its cell, or of its approach over several seeds."""
        several = [one.label for one in self.approaches if cell in one.cells and len(one.cells) > 1]
        return several[0] if several else self.row(cell).label

    def rank_text(self, cell: str) -> str:
        """Returns ``2`` or, for a tie, the range ``2-4``; empty for a cell without a rank."""
        for family in self.families:
            if cell in family.ranks:
                best, worst = family.ranks[cell]
                return str(best) if best == worst else f"{best}-{worst}"
        return ""

    def frontier(self, cell: str) -> str | None:
        """Returns how a cell stands to the frontier of its family (``ftbench.cost.frontier``): ``on``, ``undecided``,
        ``off`` or ``cost unknown``; None without a rank.
        """
        return next(
            (place.state for decision in self.decisions for place in decision.places if place.name == cell), None
        )

    def frontier_mark(self, cell: str) -> str:
        return MARKS[self.frontier(cell) or OFF]

    def shown(self, row: Row, family: Family) -> Shown:
        """Returns a ranked cell as the tables for people show it."""
        spent = (figures.cost(row, family.cost_basis), figures.training(row))
        return Shown(row, self.rank_text(row.id), row.label, *spent, self.frontier_mark(row.id))

    def ceilings(self, family: Family | None) -> list[Row]:
        """Returns the cells over a family's examples that cannot be deployed, best first; with None those of no
        family.
        """
        if family is not None:
            return [self.row(cell) for cell in family.ceilings]
        beside = {cell for one in self.families for cell in one.ceilings}
        scored = [row for row in self.rows if row.done and row.value(self.primary) is not None]
        return [row for row in scored if not row.deployable and row.id not in beside]

    def unranked(self) -> list[Row]:
        """Returns the done cells that have no value of the primary metric."""
        ranked = {cell for family in self.families for cell in (*family.cells, *family.ceilings)}
        ranked |= {row.id for row in self.ceilings(None)}
        return [row for row in self.rows if row.done and row.id not in ranked]

    def undone(self) -> list[Row]:
        return [row for row in self.rows if not row.done]


def _with_sub_axes(rows: Sequence[Row]) -> list[Row]:
    """Returns rows that all name the sub-axes that any of them has."""
    missing = dict.fromkeys(sub_axes(row.facts for row in rows))
    return [replace(row, facts={**row.facts, **{group: row.facts.get(group) for group in missing}}) for row in rows]


def gather(plan: Plan, outcomes: Mapping[str, CellOutcome]) -> Results:
    """Reads plan and store into results."""
    store = Store(plan.store)
    rows = _with_sub_axes([_masked(row) for row in with_harness(plan, build_rows(plan, outcomes, store), store)])
    primary = primary_metric(plan)
    # a matrix of nothing but refusals has no settings
    statistics = dict(plan.settings.get("statistics") or {"confidence": 0.95})
    rolled = roll_up(plan, rows, primary, store)
    ranked = families(plan, rows, primary, store, *methods_of(rolled))
    place = {cell: index for index, cell in enumerate(cell for family in ranked for cell in family.cells)}
    names = (*metric_names(plan), *harness_names(rows, metric_names(plan)))
    rows, own, lost = with_own(rows, plan.settings.get("columns") or ())
    ordered = sorted(rows, key=lambda row: (place.get(row.id, len(place)), not row.done))
    checked = data_reports(plan, store)
    done = tuple(scored(plan, rolled, rows, ranked, names, primary, store))
    decided = _decisions(plan, rows, ranked, done, primary, store)
    return Results(
        metrics=names,
        primary=primary,
        statistics=statistics,
        rows=tuple(ordered),
        families=tuple(ranked),
        notes=(
            *_notes(ordered, ranked, decided, primary, statistics, (plan.settings.get("decision") or {}).get("margin")),
            *leak_notes(checked),
            *lost,
        ),
        data_checks=tuple(checked),
        approaches=done,
        decisions=tuple(decided),
        costs=costs_of(plan, store),
        own_columns=tuple(own),
        labels=tuple(curves(plan, rows, primary, store)),
    )


def _masked(row: Row) -> Row:
    """Returns a row without secrets in its free texts: earlier versions kept what a metric raised as it was."""

    def masked(scores: Mapping[str, Any]) -> dict[str, Any]:
        texts = {name: {key: entry[key] for key in FREE_TEXTS if key in entry} for name, entry in scores.items()}
        return {name: {**entry, **scrub(texts[name])} for name, entry in scores.items()}

    facts = {**row.facts, "reason": scrub(row.facts["reason"])}
    scores, validation = masked(row.scores), masked(row.validation)
    return replace(row, facts=facts, scores=scores, validation=validation, notes=scrub(row.notes))


def _raised(rows: Sequence[Row]) -> list[str]:
    """Returns one line for each metric that raised, at whatever answers of whatever cells."""
    found: dict[tuple[str, str, str], tuple[dict[str, Any], int]] = {}
    for row in rows:
        for name, entry in row.scores.items():
            if raised := entry.get("raised"):
                first, count = found.get((name, raised["error"], raised["place"]), (raised, 0))
                found[name, raised["error"], raised["place"]] = first, count + raised["rows"]
    return [raised_line(name, raised, count) for (name, _, _), (raised, count) in found.items()]


def _decisions(
    plan: Plan,
    rows: Sequence[Row],
    ranked: Sequence[Family],
    approaches: Sequence[Approach],
    primary: str,
    store: Store,
) -> list[Decision]:
    settings = plan.settings.get("decision") or {}
    by_id, cells = {row.id: row for row in rows}, {cell.id: cell for cell in plan.cells}
    methods = {cell.id: method_key(cell.config) for cell in plan.cells}
    found = []
    for family in ranked:
        members = [by_id[cell] for cell in family.cells]
        failed = {
            row.id: failed_usd_of(
                row, list(dict.fromkeys([*cells[row.id].stages.values(), *weights_stages(plan, cells[row.id])])), store
            )
            for row in members
        }
        found.append(decide(family, members, approaches, settings, failed, primary, methods))
    return found


def _frontier_notes(decided: Sequence[Decision], margin: float | None) -> list[str]:
    """Returns what the marks of the frontier weigh, and what its undecided cells are."""
    notes = []
    states = {place.state for decision in decided for place in decision.places}
    if UNPRICED in states:
        notes.append("cost unknown: the cell neither leaves the frontier nor drives another off it")
    for load in (decision.load for decision in decided if decision.basis == "total_usd" and decision.load is not None):
        notes.append(
            f"the frontier (*) weighs the total cost over {load.months:g} months at {load.requests_per_month:,.0f}"
            " requests a month"
        )
    if any(decision.basis == "seconds_per_1k_requests" for decision in decided):
        notes.append("the frontier (*) weighs seconds per 1,000 requests, since the price of a cell is not known")
    if UNDECIDED in states:
        within = (
            "as good, and without decision.margin only a better one is shown to be"
            if margin is None
            else f"no worse by {margin:g}"
        )
        notes.append(
            f"frontier undecided: a cell leaves only when a cheaper one is shown to be {within}; until then both stay"
        )
    return list(dict.fromkeys(notes))


def notes_of(rows: Sequence[Row]) -> list[str]:
    """Returns what the cells' stages said, each once, with the cells that it is about unless it is about all that are
    done.
    """
    done = {row.label for row in rows if row.done}
    notes = []
    for text in dict.fromkeys(note for row in rows for note in row.notes):
        concerned = [row.label for row in rows if text in row.notes]
        notes.append(text if done <= set(concerned) else f"{text} ({', '.join(concerned)})")
    return notes


def _notes(
    rows: Sequence[Row],
    ranked: Sequence[Family],
    decided: Sequence[Decision],
    primary: str,
    statistics: Mapping[str, Any],
    margin: float | None,
) -> list[str]:
    done = [row for row in rows if row.done]
    notes = notes_of(rows)
    if not done:
        return notes
    notes += _raised(done)
    seeds = {row.facts["seed"] for row in done}
    if len(seeds) == 1 and any(row.trains for row in done):
        notes.append(
            "one seed: comparisons are of these checkpoints; intervals show the sampling of examples, not the spread"
            " between training runs"
        )
    if any(best != worst for family in ranked for best, worst in family.ranks.values()):
        over = "against the baselines" if any(family.declared == "baseline" for family in ranked) else "over all pairs"
        notes.append(
            f"a range of ranks is a tie: not told apart at {statistics['confidence']:.0%} {over}, which is no proof of"
            " being equal"
        )
    if (
        not all(
            entry["comparable_across_tokenizers"]
            for row in done
            for name, entry in row.scores.items()
            if name == primary
        )
        and len(ranked) > 1
    ):
        notes.append(
            f"{primary} does not compare across tokenizers: cells are ranked per base model; bits_per_byte compares"
            " across"
        )
    notes += _frontier_notes(decided, margin)
    bases = dict.fromkeys(row.facts["price_basis"] for row in done if row.facts["price_basis"])
    return notes + [f"price: {basis}" for basis in bases]
