"""Rolls cells up to approaches: the best configuration by validation, then its seeds on test, one row each.

An approach is a way to do the task: its options, whatever values within them were tried (``ftbench.compile.approach``).
Swept or searched values are its trials. The configuration is chosen on the validation split alone, and the test split
speaks for the chosen one only (mistake 29): the best of eight trials on test would be the luckiest. What the
examples leave open (the interval) and what another seed would change (the spread) stand apart (mistake 27).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ftbench.analysis.approach_scores import mean_scores
from ftbench.analysis.columns import APPROACH_SUFFIXES
from ftbench.analysis.comparison_sentences import without_seed
from ftbench.analysis.configurations import (
    Configuration,
    by_approach,
    choose,
    configurations_of,
    higher_is_better,
    known_mean,
)
from ftbench.analysis.finished_stages import Finished, weights_stages
from ftbench.analysis.ranking import Family, method_key
from ftbench.analysis.rows import Row, trial_rows
from ftbench.core.cell import AXES, TRIAL_AXES, Cell, axis_of, sub_axes
from ftbench.core.component import build
from ftbench.core.plan import Plan
from ftbench.cost.bill import bill
from ftbench.stats.paired import rank_ranges
from ftbench.stats.seeds import SeedMean
from ftbench.store.store import Store


@dataclass(frozen=True)
class Approach:
    """One row of ``approaches.csv``.

    Attributes:
        id, label: of the approach.
        choices: axis or sub-axis -> option; those whose options are trials are not among them.
        configurations: all that were tried, in their order.
        cells: ids of the chosen configuration's finished cells, one per seed; empty where nothing could be chosen.
        reason: why nothing could be chosen, else None.
        scores: metric -> mean over those seeds on the test split, None where it cannot be computed.
        n: examples of the test split.
        trains: whether weights were trained.
        train_seconds, train_usd: of all its trials and seeds, each training once; None is unknown.
        seconds_per_1k_requests, usd_per_1k_requests: mean over ``cells``.
        search: what ``effort`` tried for it (``ftbench.core.plan.Search``), None without.
        ranks: (best, worst) among the approaches over the same examples, None without a value.
        deployable: False for one whose cells are ceilings; it has no rank.
    """

    id: str
    label: str
    choices: dict[str, str | None]
    configurations: tuple[Configuration, ...]
    cells: tuple[str, ...]
    reason: str | None
    scores: dict[str, SeedMean | None]
    n: int | None
    trains: bool
    train_seconds: float | None
    train_usd: float | None
    seconds_per_1k_requests: float | None
    usd_per_1k_requests: float | None
    search: dict[str, Any] | None
    ranks: tuple[int, int] | None = None
    deployable: bool = True

    @property
    def chosen(self) -> Configuration | None:
        return next((one for one in self.configurations if one.chosen), None)

    @property
    def tried(self) -> tuple[str, ...]:
        """The cells of all its configurations."""
        return tuple(cell for one in self.configurations for cell in one.cells)

    @property
    def rolled(self) -> bool:
        """Whether this row says more than one cell's."""
        return len(self.configurations) > 1 or len(self.cells) > 1 or self.search is not None

    @property
    def rank_text(self) -> str:
        if self.ranks is None:
            return ""
        return str(self.ranks[0]) if self.ranks[0] == self.ranks[1] else f"{self.ranks[0]}-{self.ranks[1]}"

    def record(self, metrics: Sequence[str]) -> dict[str, Any]:
        """Returns the row as the columns of ``approaches.csv``."""
        found: dict[str, Any] = {"approach_id": self.id, "label": self.label, **self.choices, "rank": self.rank_text}
        found |= {
            "trials": len(self.configurations),
            "seeds": len(self.cells),
            "n": self.n,
            "cells": " ".join(self.cells),
            "reason": self.reason,
        }
        chosen = self.chosen
        found |= {
            "validation": chosen and chosen.validation,
            "configuration": json.dumps(chosen.values, ensure_ascii=False) if chosen and chosen.values else None,
        }
        for metric in metrics:
            mean = self.scores.get(metric)
            parts = ("value", "low", "high", "sd", "lowest", "highest")
            found |= {
                metric + suffix: getattr(mean, part) if mean else None
                for suffix, part in zip(APPROACH_SUFFIXES, parts, strict=True)
            }
        found |= {"deployable": self.deployable}
        return found | {
            name: getattr(self, name)
            for name in ("train_seconds", "train_usd", "seconds_per_1k_requests", "usd_per_1k_requests")
        }

    def as_dict(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in ("id", "label", "choices")},
            "rank": self.rank_text,
            "configuration": self.chosen.values if self.chosen else None,
            "validation": self.chosen.validation if self.chosen else None,
            "trials": len(self.configurations),
            "seeds": len(self.cells),
            "n": self.n,
            "scores": {metric: None if mean is None else mean.as_dict() for metric, mean in self.scores.items()},
            **{
                name: getattr(self, name)
                for name in ("train_seconds", "train_usd", "seconds_per_1k_requests", "usd_per_1k_requests")
            },
            "cells": list(self.cells),
            "configurations": [asdict(one) for one in self.configurations],
            "search": self.search,
            "reason": self.reason,
            "deployable": self.deployable,
        }


def roll_up(plan: Plan, rows: Sequence[Row], primary: str, store: Store) -> list[Approach]:
    """Groups the cells of a plan into approaches and chooses one configuration of each; their test scores come later
    (``scored``).
    """
    finished = Finished.read(plan, store)
    searches = {search.approach: search.as_dict() for search in plan.searches}
    known = {row.id: row for row in rows}
    tried = {row.id: row for row in trial_rows(plan, store)} if plan.trials else {}
    higher = higher_is_better(plan, primary)
    found = []
    for key, cells in by_approach(plan.cells).items():
        trials = [trial for trial in plan.trials if trial.approach == key] or cells
        evidence = tried if trials is not cells else known
        configurations = configurations_of(plan, trials, evidence, primary, finished)
        if trials is cells:
            place = choose(
                [one.validation for one in configurations], [one.cost_seconds for one in configurations], higher
            )
        else:  # the launcher chose, between the rounds
            keys = list(dict.fromkeys(method_key(trial.config) for trial in trials))
            place = keys.index(method_key(cells[0].config)) if method_key(cells[0].config) in keys else None
        configurations = [replace(one, chosen=number == place) for number, one in enumerate(configurations)]
        mine = [
            cell
            for cell in cells
            if place is not None and (trials is not cells or cell.id in configurations[place].cells)
        ]
        done = tuple(cell.id for cell in mine if cell.id in known and known[cell.id].done)
        chain = list(dict.fromkeys(stage for cell in (*trials, *cells) for stage in weights_stages(plan, cell)))
        receipts = [finished.receipts[stage] for stage in chain if stage in finished.receipts]
        load = max(
            (finished.loads.get(plan.stages[stage].held, 0.0) for stage in chain if plan.stages[stage].held),
            default=0.0,
        )
        paid = bill(
            build(cells[0].config["hardware"], "hardware"),
            receipts if receipts or not chain else None,
            None,
            None,
            load,
        )
        found.append(
            Approach(
                id=key,
                label=cells[0].approach_label or without_seed(cells[0].label),
                choices=_choices(cells[0]),
                configurations=tuple(configurations),
                cells=done,
                reason=(
                    None
                    if done
                    else _reason(place, configurations, [known[cell.id] for cell in mine if cell.id in known])
                ),
                scores={},
                n=next((entry["n"] for cell in done for entry in known[cell].scores.values()), None),
                trains=bool(chain),
                train_seconds=paid.train_seconds,
                train_usd=paid.train_usd,
                seconds_per_1k_requests=known_mean([known[cell].bill.seconds_per_1k_requests for cell in done]),
                usd_per_1k_requests=known_mean([known[cell].bill.usd_per_1k_requests for cell in done]),
                search=searches.get(key),
                deployable=all(cell.deployable for cell in cells),
            )
        )
    return found


def _choices(cell: Cell) -> dict[str, str | None]:
    groups = [group for group in sub_axes([cell.choices]) if axis_of(group) not in TRIAL_AXES]
    return {axis: cell.choices.get(axis) for axis in AXES if axis not in TRIAL_AXES} | {
        group: cell.choices[group] for group in groups
    }


def methods_of(approaches: Sequence[Approach]) -> tuple[dict[str, str], dict[str, str]]:
    """Returns cell id -> approach and cell id -> its label, for the cells that speak for their approach on test."""
    speaking = [(cell, approach) for approach in approaches for cell in approach.cells]
    return {cell: approach.id for cell, approach in speaking}, {cell: approach.label for cell, approach in speaking}


def scored(
    plan: Plan,
    approaches: Sequence[Approach],
    rows: Sequence[Row],
    families: Sequence[Family],
    metrics: Sequence[str],
    primary: str,
    store: Store,
) -> list[Approach]:
    """Returns the approaches with their test scores and ranks, family by family, best first, those without a value
    last.

    An approach of which nothing was chosen could take any place once something is: the worst ranks of the others leave
    room for it.
    """
    cells, known = {cell.id: cell for cell in plan.cells}, {row.id: row for row in rows}
    means = {}
    for approach in approaches:
        members = [(cells[cell], known[cell]) for cell in approach.cells]
        means[approach.id] = replace(approach, scores=mean_scores(plan, members, metrics, store))
    ordered: list[Approach] = []
    for family in families:
        own = [
            approach
            for approach in means.values()
            if approach.cells and approach.cells[0] in family.cells and approach.scores.get(primary)
        ]
        values = {approach.id: approach.scores[primary].value for approach in own}
        higher = higher_is_better(plan, primary)
        ranges = rank_ranges(values, _told_apart(own, family), higher)
        own = sorted(
            own, key=lambda approach: (-values[approach.id] if higher else values[approach.id], approach.label)
        )
        open_ = sum(not approach.cells and not set(approach.tried).isdisjoint(family.cells) for approach in approaches)
        room = {name: (best, worst + open_) for name, (best, worst) in ranges.items()}
        ordered += [replace(approach, ranks=room[approach.id]) for approach in own]
    placed = {approach.id for approach in ordered}
    return ordered + [approach for approach in means.values() if approach.id not in placed]


@dataclass(frozen=True)
class _Pair:
    """What ``rank_ranges`` asks of a comparison."""

    first: str
    second: str
    value: float
    tie: bool


def _told_apart(approaches: Sequence[Approach], family: Family) -> list[_Pair]:
    """Returns what is known of pairs of approaches: over seeds where they have several, else of the two checkpoints."""
    of = {cell: approach for approach in approaches for cell in approach.cells}
    pairs = [
        _Pair(of[first[0]].id, of[second[0]].id, gap.value, gap.tie)
        for first, second, gap in family.methods
        if first[0] in of and second[0] in of
    ]
    for found in family.known:
        sides = [of.get(found.first), of.get(found.second)]
        if None not in sides and sides[0] is not sides[1] and all(len(side.cells) == 1 for side in sides):
            pairs.append(_Pair(sides[0].id, sides[1].id, found.value, found.tie))
    return pairs


def _reason(place: int | None, configurations: Sequence[Configuration], rows: Sequence[Row]) -> str:
    undone = next((f"{row.facts['status']}: {row.facts['reason']}" for row in rows if not row.done), None)
    if place is not None:
        return undone or "not run"
    if all(one.status != "done" for one in configurations):
        return f"{configurations[0].status}: {configurations[0].reason}"
    return (
        f"{len(configurations)} configurations and no validation score to choose one by (validation=true scores them)"
    )
