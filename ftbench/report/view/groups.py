"""What the headline weighs as one: approaches with their trials and seeds, or cells that differ by their seed alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from ftbench.analysis import figures
from ftbench.analysis.verdict import Candidates
from ftbench.report.view.approaches import cells_of
from ftbench.report.view.compared_costs import Weighed
from ftbench.report.view.lines import Line, rank_range
from ftbench.report.view.table import Table


@dataclass(frozen=True)
class Group:
    """A candidate (``ftbench.analysis.verdict``) as it is shown: an approach with trials and seeds, or seeds alone.

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
        return rank_range(*self.ranks)


def by_approach(table: Table, family: Mapping[str, Any]) -> bool:
    """Tells whether the groups of a family have ranks as approaches: the run ranked them, and each has a choice."""
    cells = set(family["cells"])
    own = [one for one in table.approaches if not cells.isdisjoint(cells_of(one))]
    return table.own and bool(own) and all(one["cells"] for one in own)


def groups_of(
    table: Table,
    family: Mapping[str, Any],
    lines: Sequence[Line],
    own: Candidates,
    basis: str | None,
    weighed: Weighed,
    places: int,
) -> list[Group]:
    """Returns the candidates of a family as they are shown, best first."""
    known, ranked = {line.row.id: line for line in lines}, by_approach(table, family)
    approaches = {cell: approach for approach in table.approaches for cell in approach["cells"]}
    found = []
    for cells in own:
        members, approach = [known[cell] for cell in cells], approaches.get(cells[0])
        if approach is None:
            found.append(_seeds(members))
            continue
        rest = [cell for one in approach["configurations"] if not one["chosen"] for cell in one["cells"]]
        trials = [known[cell] for cell in rest if cell in known]
        found.append(_approach(table, approach, members, trials, basis, weighed, places, ranked))
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
