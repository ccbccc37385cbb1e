"""The headline in words: what to choose, how sure that is, and what else a decision should know.

``ftbench.analysis.verdict`` decides; here it is only phrased.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftbench.analysis import figures
from ftbench.analysis.rows import Row
from ftbench.analysis.verdict import ALONE, NOTHING, Verdict
from ftbench.report.view.compared_costs import Weighed
from ftbench.report.view.groups import Group
from ftbench.report.view.lines import NOT_CHOSEN
from ftbench.report.view.table import Table


@dataclass(frozen=True)
class Headline:
    """A verdict in words.

    Attributes:
        sentence: what to choose.
        confidence: how sure that is.
        marked: id of the cell that the ranked table marks: the recommended one, or the cheapest of several that may be
            the best; None where nothing can be chosen.
        also: what else a decision should know, a sentence each.
    """

    sentence: str
    confidence: str
    marked: str | None
    also: tuple[str, ...]


def headline_of(
    table: Table, verdict: Verdict, groups: Sequence[Group], comparison: Mapping[str, Any], weighed: Weighed
) -> Headline:
    """Phrases a verdict.

    Args:
        groups: its candidates, best first.
        comparison: one of the family's, for the number of clusters.
        weighed: what the candidates cost.
    """
    if verdict.headline == NOTHING:
        return Headline("No cell keeps every constraint.", "Loosen one, or add cells to the sweep.", None, ())
    usable = [group for group in groups if group.lead.row.id not in verdict.excluded]
    also = tuple(_also(table, usable, usable[0], weighed))
    of = {group.lead.row.id: group for group in groups}
    best = of[str(verdict.best)]
    if verdict.headline == ALONE:
        rest = "The others break a constraint." if len(groups) > 1 else "There is nothing here to compare it with."
        only = "the only one left" if len(groups) > 1 else "the only one"
        return Headline(f"{best.label} is {only}: {table.metric} {best.text}.", rest, verdict.choice, also)
    about = _about(table, usable, comparison)
    if verdict.by_margin:
        return Headline(_by_margin(table, verdict, of, weighed), about, verdict.choice, also)
    if verdict.lead_shown:
        sentence = f"Choose {_told(best)}: {table.metric} {best.text}, better than {_others(len(usable) - 1)}."
        return Headline(sentence, about, verdict.choice, also)
    contenders = [of[cell] for cell in verdict.contenders]
    noun = "approaches" if any(len(group.lines) > 1 or group.tried > 1 for group in groups) else "cells"
    which = f"{len(contenders)} of {len(usable)}"
    if len(contenders) == len(usable):
        which = f"{'Either' if len(usable) == 2 else 'Any'} of these {len(usable)}"
    count = f"{which} {noun} may be the best by {table.metric}"
    costs = [group.cost for group in contenders]
    if verdict.cheapest is None or None in costs:
        return Headline(f"{count}. The highest is {usable[0].label}.", about, usable[0].lead.row.id, also)
    cheapest = of[verdict.cheapest]
    said = f"The cheapest of them {weighed.verb} is {cheapest.label} ({cheapest.cost_text} {weighed.per})."
    if weighed.load is not None and weighed.alike(min(costs), max(costs)):
        said = f"Cost does not decide: each of them is about {cheapest.cost_text} {weighed.per}."
    return Headline(f"{count}. {said}", about, verdict.cheapest, also)


def _by_margin(table: Table, verdict: Verdict, of: Mapping[str, Group], weighed: Weighed) -> str:
    """Returns the recommendation that rests on the margin, and what is cheaper and undecided."""
    chosen, best, margin = of[str(verdict.choice)], of[str(verdict.best)], f"{table.margin:g}"
    said = f"Choose {_told(chosen)}: {table.metric} {chosen.text}"
    if chosen is not best:
        said += f", shown to be no worse than the best ({best.label}, {best.text}) by the margin of {margin}"
        said += f", {_prices(weighed, chosen, best)}"
    if cheaper := [of[cell].label for cell in verdict.undecided]:
        names = " and ".join(cheaper) if len(cheaper) < 3 else f"{len(cheaper)} others"
        costs = "costs" if len(cheaper) == 1 else "cost"
        said += f". Undecided: {names} {costs} less and may be as good within {margin}"
    return f"{said}."


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


def _told(group: Group) -> str:
    """Returns an approach with what it stands on: its seeds, and what validation chose among."""
    said = [f"{len(group.lines)} seeds"] if len(group.lines) > 1 else []
    if group.lead.standing == NOT_CHOSEN:
        said.append(f"one of {group.lead.tried} configurations, not chosen on validation")
    said += [f"{group.chosen or 'one'} chosen on validation"] if group.tried > 1 else []
    return f"{group.label} ({', '.join(said)})" if said else group.label


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
