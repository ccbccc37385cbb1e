"""The first page: what to choose and how sure that is, quality against cost, and the ranked table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ftbench.cost.frontier import OFF, Place, places, verdicts_of
from ftbench.report import figures
from ftbench.report.ranking import cost_of
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
        ranks: (best, worst).
        value, low, high: of the metric that orders the table.
        text: value and interval as people read them.
        cost: in the basis of the family, None for unknown.
        place: on or off the frontier of the cells shown; None for a trial that validation passed over.
        broken: constraints that it breaks, in words; empty for a cell that keeps them all.
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
    place: Place | None
    broken: tuple[str, ...]

    @property
    def frontier(self) -> bool:
        return self.place is not None and self.place.on_frontier

    @property
    def state(self) -> str:
        """How it stands to the frontier, as in ``ftbench.cost.frontier``."""
        return OFF if self.place is None else self.place.state

    @property
    def rank(self) -> str:
        return str(self.ranks[0]) if self.ranks[0] == self.ranks[1] else f"{self.ranks[0]}–{self.ranks[1]}"


@dataclass(frozen=True)
class Group:
    """One row of the ranked table: an approach with its trials and seeds, or cells that differ by their seed alone.

    Attributes:
        name: short; ``label`` in full.
        ranks: (best, worst).
        value, low, high, text: of the metric, mean over the seeds.
        cost, cost_text: per 1,000 requests, mean over the seeds; None for unknown.
        training: of all its trials and seeds, in words.
        lead: the line that stands for it: of the configuration that validation chose, the first seed.
        lines: of the chosen configuration, one per seed.
        trials: lines of the configurations that were not chosen.
        chosen: the configuration that was chosen, in words; empty where there was one alone.
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
    training: str
    lead: Line
    lines: tuple[Line, ...]
    trials: tuple[Line, ...]
    chosen: str

    @property
    def rank(self) -> str:
        return str(self.ranks[0]) if self.ranks[0] == self.ranks[1] else f"{self.ranks[0]}–{self.ranks[1]}"


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
        margin: ``decision.margin``, where the choice rests on it: then it is recommended even while cheaper cells are undecided.
    """

    kind: str
    sentence: str
    sure: str
    choice: str | None
    open: tuple[str, ...]
    also: tuple[str, ...]
    margin: float | None = None


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
        lines: every shown cell that was chosen, best first; trials that validation passed over are in their groups alone.
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
    digits = figures.decimals(rows, table.metric)
    basis = family["cost_basis"]
    passed = _passed_over(table)
    stored = (family.get("decision") or {}).get("costs") or {}
    costs = {row.id: stored[row.id] if row.id in stored else cost_of(row, basis) if basis else None for row in rows if row.id not in passed}
    stand = placed(family, costs)
    lines = [_line(table, family, row, labels[row.id], digits, basis, stand.get(row.id), limits) for row in rows]
    comparison = next(iter(family["comparisons"]), {})
    groups = _groups(table, lines, basis, digits)
    passed_over = {line.row.id for group in groups for line in group.trials}
    whole = len(lines) == len(family["cells"])
    verdict = _verdict(table, family, groups, comparison, whole)
    n = rows[0].scores[table.metric].get("n") if rows else None
    kept = tuple(line for line in lines if line.row.id not in passed_over)
    return Decision(
        family, family["dataset"], table.metric, table.higher, digits, basis, n, comparison.get("clusters"), verdict, tuple(groups), kept,
        len(family["cells"]) - len(lines),
    )  # fmt: skip


def placed(family: Mapping[str, Any], costs: Mapping[str, float | None]) -> dict[str, Place]:
    """Returns where the cells of ``costs`` stand at these costs, by the family's comparisons: the rule of the stored decision."""
    return {place.name: place for place in places(costs, verdicts_of(family.get("pairs", family["comparisons"])))}


def _line(table: Table, family: dict[str, Any], row: Row, label: str, digits: int, basis: str | None, place: Place | None, limits: Mapping[str, float]) -> Line:
    entry = row.scores[table.metric]
    low, high = family["ranks"][row.id]
    amount = cost_of(row, basis) if basis else None
    facts = {**row.facts, "cost": amount}
    broken = tuple(
        f"{LIMITS[name][0]} not known" if facts.get(name) is None else f"{LIMITS[name][0]} {_measure(name, facts[name], basis)}"
        for name, most in limits.items()
        if facts.get(name) is None or facts[name] > most
    ) + _declared(table, row.id)
    text = figures.score(row, table.metric, digits, limits=True)
    return Line(row, label, (low, high), entry["value"], entry.get("low"), entry.get("high"), text, amount, figures.cost(row, basis), place, broken)


def _declared(table: Table, cell: str) -> tuple[str, ...]:
    """Returns the constraints of the sweep's own config (``decision.constraints``) that a cell is not known to keep, in words."""
    families = (table.home[cell].results or {}).get("families", ())
    stored = next((kept[cell] for family in families if cell in (kept := (family.get("decision") or {}).get("constraints") or {})), ())
    return tuple(f"{one['name']} {figures.UNKNOWN if one['value'] is None else format(one['value'], '.3g')}, at most {one['most']:g}" for one in stored if not one["kept"])


def _measure(name: str, value: float, basis: str | None) -> str:
    if name == "latency_p95_ms":
        return f"{value:,.0f} ms"
    if name == "peak_memory_bytes":
        return figures.size(value)
    return figures.money(value) if name == "cost" and basis == "usd_per_1k_requests" else figures.duration(value)


def _passed_over(table: Table) -> set[str]:
    """Returns the cells of configurations that validation did not choose; on test they may only look lucky (DESIGN 6, number 29)."""
    return {cell for approach in table.approaches if approach["cells"] for one in approach["configurations"] if not one["chosen"] for cell in one["cells"]}


def _groups(table: Table, lines: Sequence[Line], basis: str | None, places: int) -> list[Group]:
    """Returns the rows of the ranked table, best first: by approach as ``results.json`` rolled them up, else by what cells share but the seed."""
    known = {line.row.id: line for line in lines}
    found, seen = [], set()
    for approach in table.approaches:
        members = [known[cell] for cell in approach["cells"] if cell in known]
        if members:
            trials = [known[cell] for one in approach["configurations"] if not one["chosen"] for cell in one["cells"] if cell in known]
            found.append(_approach(table, approach, members, trials, basis, places))
            seen |= {line.row.id for line in (*members, *trials)}
    for members in _grouped(table, [line for line in lines if line.row.id not in seen]).values():
        found.append(_seeds(members))
    return sorted(found, key=lambda group: -group.value if table.higher else group.value)


def _approach(table: Table, approach: Mapping[str, Any], members: Sequence[Line], trials: Sequence[Line], basis: str | None, places: int) -> Group:
    lead, mean = members[0], approach["scores"].get(table.metric)
    name = _without_seed(lead.label) if len(members) > 1 else lead.label
    chosen = ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in (approach["configuration"] or {}).items())
    label = approach["label"] if len(members) > 1 or trials else lead.row.label
    if table.slice is not None or mean is None or len(members) < len(approach["cells"]):  # means are of all examples and seeds
        return replace(_seeds(members), trials=tuple(trials), chosen=chosen, label=label)
    ranks = lead.ranks
    if table.own and approach["rank"]:
        ranks = tuple(int(part) for part in (approach["rank"].split("-") * 2)[:2])
    amount = approach.get(basis) if basis else None
    text = figures.score(replace(lead.row, scores={table.metric: mean}), table.metric, places, limits=True)
    training = figures.spent(approach["train_seconds"] != 0.0, approach["train_seconds"], approach["train_usd"])
    return Group(name, label, ranks, mean["value"], mean["low"], mean["high"], text, amount, figures.per_1k(amount, basis), training, lead, tuple(members), tuple(trials), chosen)


def _seeds(members: Sequence[Line]) -> Group:
    """Returns cells that differ by their seed alone, as their best one."""
    lead = members[0]
    several = len(members) > 1
    name, label = (_without_seed(lead.label), _without_seed(lead.row.label)) if several else (lead.label, lead.row.label)
    return Group(
        name, label, lead.ranks, lead.value, lead.low, lead.high, lead.text, lead.cost, lead.cost_text, figures.training(lead.row), lead, tuple(members), (), "",
    )  # fmt: skip


def _without_seed(label: str) -> str:
    return " ".join(word for word in label.split() if not word.startswith("seed=")) or label


def _verdict(table: Table, family: dict[str, Any], groups: Sequence[Group], comparison: Mapping[str, Any], whole: bool) -> Verdict:
    usable = [group for group in groups if not group.lead.broken]
    if not usable:
        return Verdict(NOTHING, "No cell keeps every constraint.", "Loosen one, or add cells to the sweep.", None, (), ())
    lead = usable[0]
    noun = "approaches" if any(len(group.lines) > 1 or group.trials for group in groups) else "cells"
    also = tuple(_also(table, usable, lead))
    if len(usable) == 1:
        rest = "The others break a constraint." if len(groups) > 1 else "There is nothing here to compare it with."
        only = "the only one left" if len(groups) > 1 else "the only one"
        return Verdict(ALONE, f"{lead.label} is {only}: {table.metric} {lead.text}.", rest, lead.lead.row.id, _ids([lead]), also)
    rivals = _rivals(table, family, usable, whole and len(usable) == len(groups))
    about = _about(table, usable, comparison)
    advised = _advised(table, family, usable, about, also) if whole and all(not group.lead.broken or _declared(table, group.lead.row.id) for group in groups) else None
    if advised is not None:
        return advised
    if len(rivals) == 1:
        sentence = f"Choose {_told(lead)}: {table.metric} {lead.text}, better than {_others(len(usable) - 1)}."
        return Verdict(CLEAR, sentence, about, lead.lead.row.id, _ids(rivals), also)
    priced = all(group.cost is not None for group in rivals)
    cheapest = min(rivals, key=lambda group: group.cost) if priced else lead
    count = f"{len(rivals)} of {len(usable)} {noun} may be the best by {table.metric}" if len(rivals) < len(usable) else f"Any of these {len(usable)} {noun} may be the best by {table.metric}"
    which = f"The cheapest of them to serve is {cheapest.label} ({cheapest.cost_text} per 1,000 requests)." if priced else f"The highest is {lead.label}."
    return Verdict(UNDECIDED, f"{count}. {which}", about, cheapest.lead.row.id, _ids(rivals), also)


def _advised(table: Table, family: Mapping[str, Any], usable: Sequence[Group], about: str, also: tuple[str, ...]) -> Verdict | None:
    """Returns the recommendation that the run stored, where a margin was declared and changes what to choose; None where it says nothing more.

    It is of cells one by one: where seeds or trials are rolled up, the comparison of approaches decides.
    """
    decision = family.get("decision") or {}
    margin = (table.home[usable[0].lead.row.id].settings.get("decision") or {}).get("margin")
    if margin is None or not table.own or any(len(group.lines) > 1 or group.trials for group in usable):
        return None
    groups, advice = {group.lead.row.id: group for group in usable}, decision.get("recommendation") or {}
    chosen, best = groups.get(advice.get("choice")), groups.get(advice.get("best"))
    cheaper = [groups[cell] for cell in advice.get("undecided") or () if cell in groups]
    if chosen is None or best is None or (chosen is best and not cheaper):
        return None
    said = f"Choose {chosen.label}: {table.metric} {chosen.text}"
    if chosen is not best:
        said += f", shown to be no worse than the best ({best.label}, {best.text}) by the margin of {margin:g}, {_prices(decision, chosen, best)}"
    if cheaper:
        names = " and ".join(group.label for group in cheaper[:2]) if len(cheaper) < 3 else f"{len(cheaper)} others"
        said += f". Undecided: {names} {'costs' if len(cheaper) == 1 else 'cost'} less and may be as good within {margin:g}"
    return Verdict(UNDECIDED if cheaper else CLEAR, said + ".", about, chosen.lead.row.id, _ids([best, *([chosen] if chosen is not best else []), *cheaper]), also, margin)


def _prices(decision: Mapping[str, Any], chosen: Group, best: Group) -> str:
    """Returns what two cells cost in the basis that was weighed, in words."""
    costs, basis = decision.get("costs") or {}, decision.get("basis")
    amounts = [costs.get(group.lead.row.id) for group in (chosen, best)]
    if None in amounts:
        return "at a cost that is not known"
    total = basis == "total_usd"
    one, other = (f"${amount:,.0f}" if total and amount >= 100 else figures.money(amount) if basis != "seconds_per_1k_requests" else figures.duration(amount) for amount in amounts)
    per = f"over {decision['load']['months']:g} months" if total and decision.get("load") else "per 1,000 requests"
    return f"at about the same cost ({one} {per})" if one == other else f"and takes {one} against {other} {per}"


def _ids(groups: Sequence[Group]) -> tuple[str, ...]:
    return tuple(line.row.id for group in groups for line in group.lines)


def _told(group: Group) -> str:
    """Returns an approach with what it stands on: its seeds, and what validation chose among."""
    said = [f"{len(group.lines)} seeds"] if len(group.lines) > 1 else []
    said += [f"{group.chosen or 'one'} chosen on validation"] if group.trials else []
    return f"{group.label} ({', '.join(said)})" if said else group.label


def _rivals(table: Table, family: dict[str, Any], usable: Sequence[Group], whole: bool) -> list[Group]:
    """Returns the groups that may be the best of the usable ones.

    Of a whole family: those that none was told to be better than; where seeds were compared, by that comparison. Of a part of it: those whose range
    of ranks reaches the first one's and that were not told to be worse than it; ranks know every pair, ``results.json`` holds the declared ones alone.
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
    """Returns the comparison of two methods over their seeds, where there is one and the table is not rolled up to approaches."""
    if table.own and table.approaches:
        return None
    names = [table.methods.get(group.lead.row.id, group.lead.row.id) for group in (lead, other)]
    return next((gap for gap in family.get("methods", ()) if [table.methods.get(gap[side][0]) for side in ("first", "second")] == names), None)


def _grouped(table: Table, lines: Sequence[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(table.methods.get(line.row.id, line.row.id), []).append(line)
    return found


def _others(count: int) -> str:
    return "the other one" if count == 1 else f"each of the other {count}"


def _about(table: Table, usable: Sequence[Group], comparison: Mapping[str, Any]) -> str:
    n, clusters = usable[0].lead.row.scores[table.metric].get("n"), comparison.get("clusters")
    over = f"{n} examples" if not clusters or clusters == n else f"{n} examples in {clusters} groups"
    place = f", {table.slice[0]} = {table.slice[1]} only" if table.slice else ""
    alone = any(group.lead.row.trains for group in usable) and not any(len(group.lines) > 1 for group in usable)
    which = " One seed: this is about these checkpoints, not the methods that made them." if alone else ""
    return f"{table.confidence:.0%} confidence over all comparisons together, {over}{place}. Not told apart is no proof of being equal.{which}"


def _also(table: Table, usable: Sequence[Group], lead: Group) -> list[str]:
    said = []
    cheapest = min((group for group in usable if group.cost is not None), key=lambda group: group.cost, default=None)
    if cheapest is not None and lead.cost and cheapest is not lead and cheapest.cost < lead.cost:
        gap = abs(lead.value - cheapest.value)
        digits = figures.decimals([lead.lead.row], table.metric)
        less = "below" if table.higher else "above"
        said.append(f"The cheapest to serve is {cheapest.label}: {cheapest.cost_text} against {lead.cost_text} per 1,000 requests, at {gap:.{digits}f} {table.metric} {less} the leader.")
    for metric, entry in lead.lead.row.scores.items():
        if metric == table.metric or entry.get("value") is None:
            continue
        scored = [group for group in usable if group.lead.row.value(metric) is not None]
        sign = 1 if entry.get("higher_is_better", True) else -1
        top = max(scored, key=lambda group: sign * group.lead.row.value(metric))
        if _apart(lead.lead.row, top.lead.row, metric, sign):
            digits = figures.decimals([group.lead.row for group in scored], metric)
            said.append(f"{metric} points elsewhere: {top.label} has {top.lead.row.value(metric):.{digits}f}, the leader {entry['value']:.{digits}f}.")
    return said


def _apart(first: Row, second: Row, metric: str, sign: int) -> bool:
    """Says whether the second's interval lies wholly beyond the first's: a coarse look, only to point the reader at another metric."""
    one, other = first.scores[metric], second.scores[metric]
    edges = (one.get("high"), other.get("low")) if sign > 0 else (other.get("high"), one.get("low"))
    return first.id != second.id and None not in edges and edges[0] < edges[1]
