"""Where one choice overtakes another as the monthly volume grows, steps of whole machines included: ``break_even(first,
second, load).volumes``.

Between two steps both totals are straight lines, so that crossings are found exactly. Worked by hand in docs/decide.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

from ftbench.cost.ownership import HOURS_PER_MONTH, Choice, Load, added, machines_for, ownership, times

MOST_STEPS = 2000
"""Steps of one choice that a break-even is looked for over; beyond them what a machine adds is too small to matter."""


@dataclass(frozen=True)
class BreakEven:
    """Between which monthly volumes which of two choices is cheaper.

    Attributes:
        first, second: names.
        volumes: requests a month at which the cheaper one changes, ascending; a step (one more machine) may be such a
            volume.
        cheaper: the cheaper name below the first volume, between each two, and above the last; one more than
            ``volumes``. None for the same price.
        low, high: the least and the greatest first volume that the intervals of the throughputs allow; ``high`` is None
            where there may be no break-even at all, both are None without intervals.
        highest: volume up to which was looked.
        reason: why nothing can be said, else None.
    """

    first: str
    second: str
    volumes: tuple[float, ...]
    cheaper: tuple[str | None, ...]
    low: float | None
    high: float | None
    highest: float
    reason: str | None

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "volumes": list(self.volumes), "cheaper": list(self.cheaper)}


def break_even(first: Choice, second: Choice, load: Load, highest: float | None = None) -> BreakEven:
    """Returns where two choices change places as the monthly volume grows, steps included.

    Args:
        load: months, retraining, and how the peak relates to the volume.
        highest: look up to this volume; None takes a thousand times the load's, at least a million requests a month.
    """
    highest = max(1e6, 1000 * load.requests_per_month) if highest is None else highest
    crossings = _crossings(first, second, load, highest)
    if crossings is None:
        reason = (
            f"{', '.join(choice.name for choice in (first, second) if ownership(choice, load).total_usd is None)}: cost"
            " unknown"
        )
        return BreakEven(first.name, second.name, (), (), None, None, highest, reason)
    volumes, cheaper = crossings
    low, high = _interval(first, second, load, highest)
    return BreakEven(first.name, second.name, volumes, cheaper, low, high, highest, None)


def _interval(first: Choice, second: Choice, load: Load, highest: float) -> tuple[float | None, float | None]:
    """Returns the extremes of the first break-even over the corners of both throughputs' intervals."""
    sides = [_corners(choice) for choice in (first, second)]
    if len(sides[0]) == len(sides[1]) == 1:
        return None, None
    found = [_crossings(one, other, load, highest) for one, other in product(*sides)]
    starts = [crossing[0][0] if crossing is not None and crossing[0] else None for crossing in found]
    some = [start for start in starts if start is not None]
    return (min(some) if some else None), (max(some) if some and len(some) == len(starts) else None)


def _corners(choice: Choice) -> list[Choice]:
    if (
        choice.usd_per_request is not None
        or choice.requests_per_second_low is None
        or choice.requests_per_second_high is None
    ):
        return [choice]
    paces = (choice.requests_per_second_low, choice.requests_per_second, choice.requests_per_second_high)
    return [replace(choice, requests_per_second=pace) for pace in paces if pace]


def _crossings(
    first: Choice, second: Choice, load: Load, highest: float
) -> tuple[tuple[float, ...], tuple[str | None, ...]] | None:
    """Returns the volumes where the sign of the difference changes, and who is cheaper around them; None where a cost
    is unknown.

    Between two steps both totals are straight lines, so each piece is looked at once at its ends.
    """

    def difference(volume: float, machines: tuple[int, int]) -> float | None:
        totals = [_total(choice, load, volume, count) for choice, count in zip((first, second), machines, strict=True)]
        return None if None in totals else totals[0] - totals[1]  # type: ignore[operator]

    ends = sorted({0.0, highest, *_steps(first, load, highest), *_steps(second, load, highest)})
    volumes: list[float] = []
    cheaper: list[str | None] = []
    for start, end in zip(ends, ends[1:], strict=False):
        inside = load.peak_per_request * (start + end) / 2
        machines = tuple(
            (
                0
                if choice.usd_per_request is not None or not choice.requests_per_second
                else machines_for(inside, choice.requests_per_second)
            )
            for choice in (first, second)
        )
        left, right = difference(start, machines), difference(end, machines)  # type: ignore[arg-type]
        if left is None or right is None:
            return None
        pieces = [(start, _winner(first, second, left if left else right))]
        if left * right < 0:
            pieces.append((start + (end - start) * left / (left - right), _winner(first, second, right)))
        for place, winner in pieces:
            if not cheaper:
                cheaper.append(winner)
            elif winner != cheaper[-1]:
                volumes.append(place)
                cheaper.append(winner)
    return tuple(volumes), tuple(cheaper)


def _steps(choice: Choice, load: Load, highest: float) -> list[float]:
    """Returns the volumes at which one more machine is needed."""
    if choice.usd_per_request is not None or not choice.requests_per_second:
        return []
    each = choice.requests_per_second / load.peak_per_request
    return [each * count for count in range(1, min(MOST_STEPS, int(highest / each)) + 1) if each * count < highest]


def _total(choice: Choice, load: Load, volume: float, machines: int) -> float | None:
    retrain = 0.0 if load.retrains_per_month == 0 else times(choice.retrain_usd, load.retrains_per_month * load.months)
    if choice.usd_per_request is not None:
        serving: float | None = choice.usd_per_request * volume
    elif machines == 0:
        serving = None
    else:
        serving = times(choice.machine_usd_per_hour, machines * HOURS_PER_MONTH)
    return added(choice.fixed_usd, retrain, times(serving, load.months))


def _winner(first: Choice, second: Choice, difference: float) -> str | None:
    return None if difference == 0 else first.name if difference < 0 else second.name
