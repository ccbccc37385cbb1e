"""The configurations of an approach: what was tried, what it cost, and which is chosen on the validation split.

The test split has no say in it (docs/mistakes.md, number 29): the best of eight trials on test would be the luckiest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from ftbench.analysis.finished_stages import Finished, weights_stages
from ftbench.analysis.ranking import method_key
from ftbench.analysis.rows import Row, trial_rows
from ftbench.core.cell import Cell
from ftbench.core.component import build
from ftbench.core.plan import Plan
from ftbench.cost.bill import alone_seconds, usd
from ftbench.store.store import Store

AS_CHEAP = 1.25
"""Costs within this factor of the cheapest count as equal: a clock's noise must not choose between two
configurations.
"""


@dataclass(frozen=True)
class Configuration:
    """One setting of an approach's open values, over its seeds.

    Attributes:
        values: dotted key -> value, where the approach's configurations differ.
        cells: ids, one per seed.
        seeds: in the same order.
        status: ``done`` as soon as one seed is, else that of the first; ``reason`` says why.
        validation: mean of the primary metric on the validation split over the seeds; None where it was not scored.
        cost_seconds: of training and answering the validation split once, mean over the seeds; None is unknown.
        chosen: whether it stands for its approach.
    """

    values: dict[str, Any]
    cells: tuple[str, ...]
    seeds: tuple[int | None, ...]
    status: str
    reason: str | None
    validation: float | None
    cost_seconds: float | None
    chosen: bool = False


def choose(values: Sequence[float | None], costs: Sequence[float | None], higher: bool) -> int | None:
    """Returns the place of the best validation value; of several, the cheapest, and of those as cheap the first.

    Args:
        values: per configuration, on the validation split; None cannot be chosen unless it is alone.
        costs: per configuration, seconds.
        higher: which way is up.
    """
    if len(values) == 1:
        return 0
    known = [value for value in values if value is not None]
    if not known:
        return None
    best = max(known) if higher else min(known)
    tied = [place for place, value in enumerate(values) if value == best]
    least = min((costs[place] for place in tied if costs[place] is not None), default=None)
    return next(
        (place for place in tied if least is None or (costs[place] is not None and costs[place] <= AS_CHEAP * least)),
        tied[0],
    )


def winners(plan: Plan, store: Store) -> tuple[dict[str, Cell], list[str]]:
    """Returns approach -> the trial that won on validation, of a plan whose cells are the trials of a search, and the
    same in words.
    """
    primary = plan.settings["primary_metric"]
    tried = {row.id: row for row in trial_rows(replace(plan, trials=plan.cells), store)}
    finished, higher = Finished.read(plan, store), higher_is_better(plan, primary)
    found: dict[str, Cell] = {}
    told = []
    for key, cells in by_approach(plan.cells).items():
        configurations = configurations_of(plan, cells, tried, primary, finished)
        place = choose([one.validation for one in configurations], [one.cost_seconds for one in configurations], higher)
        failed = sum(one.status != "done" for one in configurations)
        tail = (
            f"; {failed} of {len(configurations)} trials failed, the first:"
            f" {next(one.reason for one in configurations if one.status != 'done')}"
            if failed
            else ""
        )
        if place is None or configurations[place].status != "done":
            told.append(f"nothing could be chosen for {cells[0].approach_label}: its own values stand{tail}")
            continue
        found[key], one = cells[place], configurations[place]
        values = ", ".join(f"{name} {value}" for name, value in one.values.items()) or "nothing to choose between"
        value = f" ({primary} {one.validation:.4g} on validation)" if one.validation is not None else ""
        what = "chosen for" if cells[0].deployable else "best setting of a ceiling, which itself is no choice,"
        told.append(f"{what} {cells[0].approach_label}: {values}{value}{tail}")
    return found, told


def trial_usd(plan: Plan, store: Store) -> dict[str, float | None]:
    """Returns the dollars of training each finished trial and answering the validation split with it, as if alone; None
    is unknown.
    """
    finished = Finished.read(plan, store)
    found: dict[str, float | None] = {}
    for cell in plan.cells:
        keys = _cost_stages(plan, cell)
        if all(key in finished.receipts for key in keys):
            hardware = build(cell.config["hardware"], "hardware")
            measured = all(hardware.matches(finished.receipts[key].device) for key in keys)
            found[cell.id] = usd(
                _cost_seconds(plan, cell, finished), hardware.units, hardware.usd_per_hour if measured else None
            )
    return found


def by_approach(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """Returns approach -> its cells, in their order."""
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.approach or method_key(cell.config), []).append(cell)
    return found


def configurations_of(
    plan: Plan, cells: Sequence[Cell], rows: Mapping[str, Row], primary: str, finished: Finished
) -> list[Configuration]:
    """Returns the configurations of one approach's cells, which differ in more than their seed, in their order; none is
    chosen yet.
    """
    alike: dict[str, list[Cell]] = {}
    for cell in cells:
        alike.setdefault(method_key(cell.config), []).append(cell)
    firsts = [members[0] for members in alike.values()]
    varying = [
        key
        for key in dict.fromkeys(key for cell in firsts for key in cell.values)
        if len({repr(cell.values.get(key)) for cell in firsts}) > 1
    ]
    found = []
    for members in alike.values():
        own = [rows[cell.id] for cell in members if cell.id in rows]
        done = [row for row in own if row.done]
        seen = [
            row.validation[primary]["value"] for row in done if row.validation.get(primary, {}).get("value") is not None
        ]
        values = {key: members[0].values[key] for key in varying if key in members[0].values}
        state = done[0] if done else own[0] if own else None
        costs = [_cost_seconds(plan, cell, finished) for cell in members]
        found.append(
            Configuration(
                values=values,
                cells=tuple(cell.id for cell in members),
                seeds=tuple(cell.config.get("seed") for cell in members),
                status=state.facts["status"] if state else "skipped",
                reason=state.facts["reason"] if state else "not run",
                validation=fmean(seen) if seen else None,
                cost_seconds=known_mean(costs),
            )
        )
    return found


def _cost_stages(plan: Plan, cell: Cell) -> list[str]:
    """Returns the stages that a trial pays: what made its weights and its index, and the answers to the validation
    split.
    """
    built = [key for key in cell.stages.values() if plan.stages[key].kind == "index"]
    return [
        *weights_stages(plan, cell),
        *built,
        *(cell.stages[role] for role in ("generate.validation", "likelihood.validation") if role in cell.stages),
    ]


def _cost_seconds(plan: Plan, cell: Cell, finished: Finished) -> float | None:
    keys = _cost_stages(plan, cell)
    if any(key not in finished.receipts for key in keys):
        return None
    return sum(
        alone_seconds(finished.receipts[key], finished.loads.get(plan.stages[key].held or "", 0.0)) for key in keys
    )


def higher_is_better(plan: Plan, primary: str) -> bool:
    """Returns which way is up for the metric that cells or trials of the plan are scored by."""
    for cell in (*plan.cells, *plan.trials):
        for role in ("score.test", "score.validation"):
            if role in cell.stages:
                return bool(
                    build(
                        plan.stages[cell.stages[role]].config["metrics"][primary], f"metrics.{primary}"
                    ).higher_is_better
                )
    return True


def known_mean(values: Sequence[float | None]) -> float | None:
    """Returns the mean, None where one of the values is unknown or there is none."""
    return fmean(values) if values and None not in values else None
