"""The sentence on top: what to choose, how sure that is, and what else a decision should know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftbench.analysis import figures
from ftbench.analysis.rows import Row
from ftbench.cost.frontier import best_first, recommend, verdicts_of
from ftbench.report.view.lines import NOT_CHOSEN, Group, by_approach, declared
from ftbench.report.view.table import Table
from ftbench.report.view.weighed import Weighed

CLEAR, UNDECIDED, ALONE, NOTHING = "clear", "undecided", "alone", "nothing"


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
        margin: ``decision.margin``, where the choice rests on it: then it is recommended even while cheaper cells are
            undecided.
    """

    kind: str
    sentence: str
    sure: str
    choice: str | None
    open: tuple[str, ...]
    also: tuple[str, ...]
    margin: float | None = None


def verdict_of(
    table: Table,
    family: dict[str, Any],
    groups: Sequence[Group],
    comparison: Mapping[str, Any],
    whole: bool,
    weighed: Weighed,
) -> Verdict:
    """Returns what to choose of the groups that keep every constraint, and how sure that is."""
    usable = [group for group in groups if not group.lead.broken]
    if not usable:
        return Verdict(
            NOTHING, "No cell keeps every constraint.", "Loosen one, or add cells to the sweep.", None, (), ()
        )
    lead = usable[0]
    noun = "approaches" if any(len(group.lines) > 1 or group.tried > 1 for group in groups) else "cells"
    also = tuple(_also(table, usable, lead, weighed))
    if len(usable) == 1:
        rest = "The others break a constraint." if len(groups) > 1 else "There is nothing here to compare it with."
        only = "the only one left" if len(groups) > 1 else "the only one"
        return Verdict(
            ALONE, f"{lead.label} is {only}: {table.metric} {lead.text}.", rest, lead.lead.row.id, _ids([lead]), also
        )
    rivals = _rivals(table, family, usable, whole and len(usable) == len(groups))
    about = _about(table, usable, comparison)
    advised = (
        _advised(table, family, usable, about, also, weighed)
        if whole and all(not group.lead.broken or declared(table, group.lead.row.id) for group in groups)
        else None
    )
    if advised is not None:
        return advised
    if len(rivals) == 1:
        sentence = f"Choose {_told(lead)}: {table.metric} {lead.text}, better than {_others(len(usable) - 1)}."
        return Verdict(CLEAR, sentence, about, lead.lead.row.id, _ids(rivals), also)
    count = (
        f"{len(rivals)} of {len(usable)} {noun} may be the best by {table.metric}"
        if len(rivals) < len(usable)
        else (
            f"{'Either' if len(usable) == 2 else 'Any'} of these {len(usable)} {noun} may be the best by {table.metric}"
        )
    )
    if any(group.cost is None for group in rivals):
        return Verdict(UNDECIDED, f"{count}. The highest is {lead.label}.", about, lead.lead.row.id, _ids(rivals), also)
    cheapest, dearest = (pick(rivals, key=lambda group: group.cost) for pick in (min, max))
    which = f"The cheapest of them {weighed.verb} is {cheapest.label} ({cheapest.cost_text} {weighed.per})."
    if weighed.load is not None and weighed.alike(cheapest.cost, dearest.cost):
        which = f"Cost does not decide: each of them is about {cheapest.cost_text} {weighed.per}."
    return Verdict(UNDECIDED, f"{count}. {which}", about, cheapest.lead.row.id, _ids(rivals), also)


def _advised(
    table: Table,
    family: Mapping[str, Any],
    usable: Sequence[Group],
    about: str,
    also: tuple[str, ...],
    weighed: Weighed,
) -> Verdict | None:
    """Returns the recommendation as the run makes it, at the costs that are weighed, where a margin was declared and
    changes what to choose; None where it says nothing more.

    It is of cells one by one: where seeds or trials are rolled up, the comparison of approaches decides.
    """
    margin = (table.home[usable[0].lead.row.id].settings.get("decision") or {}).get("margin")
    if margin is None or not table.own or any(len(group.lines) > 1 or group.tried > 1 for group in usable):
        return None
    groups, pairs = {group.lead.row.id: group for group in usable}, family.get("pairs", family["comparisons"])
    level = [(pair["first"], pair["second"]) for pair in pairs if pair["value"] == 0.0]
    advice = recommend(
        best_first(family["cells"], level, weighed.costs), weighed.costs, verdicts_of(pairs), groups.__contains__
    )
    chosen, best = groups[advice.choice], groups[advice.best]
    cheaper = [groups[cell] for cell in advice.undecided]
    if chosen is best and not cheaper:
        return None
    said = f"Choose {chosen.label}: {table.metric} {chosen.text}"
    if chosen is not best:
        said += (
            f", shown to be no worse than the best ({best.label}, {best.text}) by the margin of {margin:g},"
            f" {_prices(weighed, chosen, best)}"
        )
    if cheaper:
        names = " and ".join(group.label for group in cheaper[:2]) if len(cheaper) < 3 else f"{len(cheaper)} others"
        said += (
            f". Undecided: {names} {'costs' if len(cheaper) == 1 else 'cost'} less and may be as good within {margin:g}"
        )
    return Verdict(
        UNDECIDED if cheaper else CLEAR,
        said + ".",
        about,
        chosen.lead.row.id,
        _ids([best, *([chosen] if chosen is not best else []), *cheaper]),
        also,
        margin,
    )


def _prices(weighed: Weighed, chosen: Group, best: Group) -> str:
    """Returns what two cells cost, in words."""
    if chosen.cost is None or best.cost is None:
        return "at a cost that is not known"
    same = chosen.cost_text == best.cost_text
    return (
        f"at about the same cost ({chosen.cost_text} {weighed.per})"
        if same
        else f"and takes {chosen.cost_text} against {best.cost_text} {weighed.per}"
    )


def _ids(groups: Sequence[Group]) -> tuple[str, ...]:
    return tuple(line.row.id for group in groups for line in group.lines)


def _told(group: Group) -> str:
    """Returns an approach with what it stands on: its seeds, and what validation chose among."""
    said = [f"{len(group.lines)} seeds"] if len(group.lines) > 1 else []
    if group.lead.standing == NOT_CHOSEN:
        said.append(f"one of {group.lead.tried} configurations, not chosen on validation")
    said += [f"{group.chosen or 'one'} chosen on validation"] if group.tried > 1 else []
    return f"{group.label} ({', '.join(said)})" if said else group.label


def _rivals(table: Table, family: dict[str, Any], usable: Sequence[Group], whole: bool) -> list[Group]:
    """Returns the groups that may be the best of the usable ones.

    Of a whole family: those that none was told to be better than; where seeds were compared, by that comparison. Of a
    part of it: those whose range of ranks reaches the first one's and that were not told to be worse than it; ranks
    know every pair, ``results.json`` holds the declared ones alone.
    """
    lead = usable[0]
    told = {frozenset((pair["first"], pair["second"])) for pair in family["comparisons"] if not pair["tie"]}
    found = []
    for group in usable:
        gap = _gap(table, family, lead, group)
        if group is lead:
            found.append(group)
        elif gap is not None:
            found += [group] if gap["low"] <= 0 <= gap["high"] else []
        elif whole:
            found += [group] if group.ranks[0] == 1 else []
        elif group.ranks[0] <= lead.ranks[1] and frozenset((lead.lead.row.id, group.lead.row.id)) not in told:
            found.append(group)
    return found


def _gap(table: Table, family: dict[str, Any], lead: Group, other: Group) -> Mapping[str, Any] | None:
    """Returns the comparison of two methods over their seeds, if any; None where groups are ranked as approaches."""
    if by_approach(table, family):
        return None
    names = [table.methods.get(group.lead.row.id, group.lead.row.id) for group in (lead, other)]
    return next(
        (
            gap
            for gap in family.get("methods", ())
            if [table.methods.get(gap[side][0]) for side in ("first", "second")] == names
        ),
        None,
    )


def _others(count: int) -> str:
    return "the other one" if count == 1 else f"each of the other {count}"


def _about(table: Table, usable: Sequence[Group], comparison: Mapping[str, Any]) -> str:
    n, clusters = usable[0].lead.row.scores[table.metric].get("n"), comparison.get("clusters")
    over = f"{n} examples" if not clusters or clusters == n else f"{n} examples in {clusters} groups"
    place = f", {table.slice[0]} = {table.slice[1]} only" if table.slice else ""
    alone = any(group.lead.row.trains for group in usable) and not any(len(group.lines) > 1 for group in usable)
    which = " One seed: this is about these checkpoints, not the methods that made them." if alone else ""
    return (
        f"{table.confidence:.0%} confidence over all comparisons together, {over}{place}. Not told apart is no proof of"
        f" being equal.{which}"
    )


def _also(table: Table, usable: Sequence[Group], lead: Group, weighed: Weighed) -> list[str]:
    said = []
    cheapest = min((group for group in usable if group.cost is not None), key=lambda group: group.cost, default=None)
    if (
        cheapest is not None
        and lead.cost
        and cheapest is not lead
        and cheapest.cost < lead.cost
        and not (weighed.load and weighed.alike(cheapest.cost, lead.cost))
    ):
        gap = abs(lead.value - cheapest.value)
        digits = figures.decimals([lead.lead.row], table.metric)
        less = "below" if table.higher else "above"
        apart = f"at {gap:.{digits}f} {table.metric} {less} the leader"
        said.append(
            f"The cheapest {weighed.verb} is {cheapest.label}: {cheapest.cost_text} against {lead.cost_text}"
            f" {weighed.per}, {apart if round(gap, digits) else f'at the same {table.metric}'}."
        )
    for metric, entry in lead.lead.row.scores.items():
        if metric == table.metric or entry.get("value") is None:
            continue
        scored = [group for group in usable if group.lead.row.value(metric) is not None]
        sign = 1 if entry.get("higher_is_better", True) else -1
        top = max(scored, key=lambda group: sign * group.lead.row.value(metric))
        if _apart(lead.lead.row, top.lead.row, metric, sign):
            digits = figures.decimals([group.lead.row for group in scored], metric)
            said.append(
                f"{metric} points elsewhere: {top.label} has {top.lead.row.value(metric):.{digits}f}, the leader"
                f" {entry['value']:.{digits}f}."
            )
    return said


def _apart(first: Row, second: Row, metric: str, sign: int) -> bool:
    """Says whether the second's interval lies wholly beyond the first's: a coarse look, only to point the reader at
    another metric.
    """
    one, other = first.scores[metric], second.scores[metric]
    edges = (one.get("high"), other.get("low")) if sign > 0 else (other.get("high"), one.get("low"))
    return first.id != second.id and None not in edges and edges[0] < edges[1]
