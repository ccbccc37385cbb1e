"""What of a plan a budget pays for: the part to run, what watches over it while it runs, and the cells that are
skipped.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from ftbench.core.component import build
from ftbench.core.plan import Plan
from ftbench.core.stage import with_inputs
from ftbench.cost.budget import LOAD, BudgetGuard, choose, loads_apart, prices


@dataclass(frozen=True)
class WithinBudget:
    """The part of a plan that fits its budget.

    Attributes:
        plan: its cells in the order in which they are run, cheapest first, and their stages.
        budget_guard: refuses a stage that would exceed the budget after all; None without a budget.
        skipped: cell id -> why it is not run.
        lines: the same for the person; empty without a budget.
    """

    plan: Plan
    budget_guard: BudgetGuard | None
    skipped: dict[str, str]
    lines: tuple[str, ...]


def within_budget(plan: Plan, cached: Collection[str]) -> WithinBudget:
    """Returns what a plan's budget pays for; the whole plan without one.

    Args:
        cached: keys of the stages that the store has.
    """
    limits = {name: value for name, value in (plan.settings.get("budget") or {}).items() if value is not None}
    if not limits:
        return WithinBudget(plan, None, {}, ())
    hardware = {cell.id: build(cell.config["hardware"], "hardware") for cell in plan.cells}
    needs = {cell.id: with_inputs(plan.stages, cell.stages.values()) for cell in plan.cells}
    priced = {cell: (hardware[cell].name, keys) for cell, keys in needs.items()}
    price, held = prices(plan.forecast, priced), {key: stage.held for key, stage in plan.stages.items()}
    apart = loads_apart(price, plan.forecast, priced, held)
    loading = {
        cell: {LOAD + (held[key] or "") for key in keys if key not in cached} & apart.keys()
        for cell, keys in needs.items()
    }
    chosen = choose(
        {cell: [*keys, *sorted(loading[cell])] for cell, keys in needs.items()},
        apart,
        cached,
        limits.get("usd"),
        limits.get("hours"),
    )
    kept = {key for cell in chosen.order for key in needs[cell]}
    by_id = {cell.id: cell for cell in plan.cells}
    part = replace(
        plan,
        cells=tuple(by_id[cell] for cell in chosen.order),
        stages={key: stage for key, stage in plan.stages.items() if key in kept},
    )
    hourly = {
        key: None if machine.usd_per_hour is None else machine.usd_per_hour * machine.units
        for cell, machine in hardware.items()
        for key in needs[cell]
    }
    words = " and ".join(f"budget.{name}={value:g}" for name, value in limits.items())
    order = ", ".join(cell.label for cell in part.cells) or "nothing"
    lines = (
        f"{words} pays for, in this order: {order}",
        *(f"skipped: {by_id[cell].label}: {why}" for cell, why in chosen.skipped.items()),
    )
    return WithinBudget(
        part, BudgetGuard(apart, hourly, limits.get("usd"), limits.get("hours"), held), chosen.skipped, lines
    )
