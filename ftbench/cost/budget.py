"""What fits under a budget, and in which order: the cheapest cell first, counting what it shares with those before it
once.

Cheap cells are also the decisive ones: the untouched baselines that every other cell is compared with. A cell whose
cost was not forecast cannot be shown to fit, so under a budget it is skipped, with that reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftbench.cost.bill import HOUR_SECONDS, usd
from ftbench.cost.forecast import LIGHT, Forecast

Price = tuple[float | None, float | None]
"""Seconds and dollars of a stage."""
LOAD = "load "
"""Before the name of a model: the key under which its loading is bought."""


@dataclass(frozen=True)
class Chosen:
    """Which cells fit.

    Attributes:
        order: ids, in the order in which they are to be run.
        skipped: id -> why.
        seconds, usd: forecast of all that fit; None is unknown.
    """

    order: tuple[str, ...]
    skipped: dict[str, str]
    seconds: float | None
    usd: float | None


def prices(forecast: Mapping[str, Any] | None, cells: Mapping[str, tuple[str, Sequence[str]]]) -> dict[str, Price]:
    """Returns stage key -> seconds and dollars, from ``Plan.forecast``; stages that only compute on the CPU count
    nothing where they are unknown.

    Args:
        cells: id -> hardware's name and the keys of all stages that the cell needs.
    """
    found: dict[str, Price] = {}
    made = (forecast or {}).get("stages", {})
    for hardware, keys in cells.values():
        for key in keys:
            data = made.get(key, {}).get(hardware)
            one = None if data is None else Forecast.from_dict(data)
            light = one is not None and one.kind in LIGHT and one.seconds is None
            found.setdefault(key, (0.0, 0.0) if light else (None, None) if one is None else (one.all_seconds, one.usd))
    return found


def loads_apart(
    price: Mapping[str, Price],
    forecast: Mapping[str, Any] | None,
    cells: Mapping[str, tuple[str, Sequence[str]]],
    held: Mapping[str, str | None],
) -> dict[str, Price]:
    """Returns the prices with each model's loading under a key of its own (``LOAD`` and the model), since a run pays it
    once for all stages that want it.

    Args:
        price, forecast, cells: as ``prices`` gives and takes them.
        held: stage key -> the model that a worker holds after it, or None.
    """
    found = dict(price)
    made = (forecast or {}).get("stages", {})
    for hardware, keys in cells.values():
        for key in keys:
            load, (seconds, dollars), model = (
                made.get(key, {}).get(hardware, {}).get("load_seconds"),
                price[key],
                held.get(key),
            )
            if not load or not seconds or model is None:
                continue
            share = load / seconds
            found[key] = (seconds - load, None if dollars is None else dollars * (1 - share))
            own = (load, None if dollars is None else dollars * share)
            found[LOAD + model] = max(found.get(LOAD + model, own), own, key=lambda cost: cost[0] or 0.0)
    return found


def choose(
    cells: Mapping[str, Sequence[str]],
    price: Mapping[str, Price],
    finished: Collection[str],
    most_usd: float | None,
    most_hours: float | None,
) -> Chosen:
    """Chooses cells until the next cheapest does not fit.

    Args:
        cells: id -> keys of all stages that it needs.
        price: of each stage.
        finished: keys that the store has; they cost nothing more.
    """
    bought, left = set(finished), dict(cells)
    order: list[str] = []
    skipped: dict[str, str] = {}
    spent_seconds, spent_usd = 0.0, 0.0
    by_money = most_usd is not None
    while left:
        marginal = {
            name: _sum([price.get(key, (None, None)) for key in keys if key not in bought])
            for name, keys in left.items()
        }
        known = {
            name: cost
            for name, cost in marginal.items()
            if (cost[1] if by_money else cost[0]) is not None and (most_hours is None or cost[0] is not None)
        }
        for name in [name for name in left if name not in known]:
            skipped[name] = "budget: its cost is not forecast (python -m ftbench calibrate, or hardware with a price)"
            del left[name]
        if not known:
            break
        name = min(known, key=lambda one: (known[one][1] if by_money else known[one][0]) or 0.0)
        seconds, dollars = known[name]
        del left[name]
        why = _over(spent_seconds + (seconds or 0.0), spent_usd + (dollars or 0.0), most_usd, most_hours)
        if why is not None:
            skipped[name] = why
            continue
        order.append(name)
        bought |= set(cells[name])
        spent_seconds, spent_usd = spent_seconds + (seconds or 0.0), spent_usd + (dollars or 0.0)
    new = [price.get(key, (None, None)) for key in bought - set(finished)]
    seconds, dollars = _sum(new)
    return Chosen(tuple(order), skipped, seconds, dollars)


class BudgetGuard:
    """What a run has spent, and whether its next stage still fits: measured so far, forecast of what is under way,
    forecast of the next.

    Args:
        price: of stages, and of loading models where ``loads_apart`` told it apart.
        rates: key -> dollars per hour of the hardware that the stage is priced for, None where unknown.
        held: as of ``loads_apart``. Loading is counted unless the stage that ended last left the model there.
    """

    def __init__(
        self,
        price: Mapping[str, Price],
        rates: Mapping[str, float | None],
        most_usd: float | None,
        most_hours: float | None,
        held: Mapping[str, str | None] | None = None,
    ) -> None:
        self.price, self.rates, self.most_usd, self.most_hours, self.held = (
            price,
            rates,
            most_usd,
            most_hours,
            held or {},
        )

    def refuses(self, key: str, measured: Mapping[str, float], running: Collection[str]) -> str | None:
        """Returns why a stage must not be started, or None.

        Args:
            measured: key -> wall seconds of the stages that this run has ended, the last one last.
            running: keys of stages under way.
        """
        there = next((self.held[one] for one in reversed(list(measured)) if self.held.get(one)), None)
        models = {self.held.get(one) for one in (*running, key)} - {None, there}
        coming = [self.price.get(one, (0.0, 0.0)) for one in (*running, key, *(f"{LOAD}{model}" for model in models))]
        seconds = sum(measured.values()) + sum(cost[0] or 0.0 for cost in coming)
        paid = [usd(spent, 1, self.rates.get(one)) for one, spent in measured.items()]
        ahead = [cost[1] for cost in coming]
        dollars = sum(amount or 0.0 for amount in (*paid, *ahead))
        return _over(seconds, dollars, self.most_usd, self.most_hours)


def _sum(costs: Sequence[Price]) -> Price:
    seconds, dollars = [cost[0] for cost in costs], [cost[1] for cost in costs]
    return (None if None in seconds else float(sum(seconds)), None if None in dollars else float(sum(dollars)))  # type: ignore[arg-type]


def _over(seconds: float, dollars: float, most_usd: float | None, most_hours: float | None) -> str | None:
    if most_usd is not None and dollars > most_usd:
        return f"budget: would come to ${dollars:,.2f} of budget.usd={most_usd:g}"
    if most_hours is not None and seconds > most_hours * HOUR_SECONDS:
        return f"budget: would come to {seconds / HOUR_SECONDS:.3g} hours of budget.hours={most_hours:g}"
    return None
