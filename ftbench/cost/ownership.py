"""What owning a choice costs over months at a load.

Pure arithmetic over plain values: the report's sliders call these functions with another load, and nothing is measured
or read here. Unknown is None and stays None through every sum (docs/mistakes.md, number 31).

Fixed costs are paid once: training, the tries that searched for its settings, the index, labeling, labor. Retraining
is paid ``retrains_per_month`` times a month and buys training and index again, not the search, the labels or the
labor. Serving comes in whole machines, ``ceil(peak load / measured throughput)`` of them and at least one, paid for
every hour, idle or not (mistake 33); an API is paid per request and is linear. Where the volume is varied, the peak
keeps its ratio to the volume.

    load = Load(months=12, requests_per_month=1e6, peak_rps=2.0, retrains_per_month=0.0)
    ownership(choice, load).total_usd

``break_even`` says where one choice overtakes another, ``payback`` what one earns against a baseline. Worked by hand in
docs/decide.md; ``tests/cost/test_ownership.py`` reproduces it.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from ftbench.core.components.earlier_names import of_today

HOURS_PER_MONTH = 730.0
"""8,760 hours of a year over twelve months, as cloud providers bill a month."""
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600.0
MOST = {"months": 1200.0, "requests_per_month": 1e15, "peak_rps": 1e12, "retrains_per_month": 1e6}
"""Beyond anything that is owned or asked: a hundred years, a million requests a month of everybody alive. What is
larger was mistyped.
"""


@dataclass(frozen=True)
class Load:
    """What is asked of a choice.

    Attributes:
        months: how long it is owned.
        requests_per_month: on average.
        peak_rps: requests per second at the busiest; None for a load that never varies, where the peak is the average.
        retrains_per_month: how often training (and index) are bought again.
    """

    months: float
    requests_per_month: float
    peak_rps: float | None
    retrains_per_month: float

    @property
    def peak_per_request(self) -> float:
        """Requests per second at the peak for each request of a month; what stays the same when the volume is
        varied.
        """
        if self.peak_rps is None or self.requests_per_month < 1:
            return 1 / SECONDS_PER_MONTH
        return self.peak_rps / self.requests_per_month

    def problems(self) -> list[str]:
        """Returns what is wrong with these values; empty when nothing is."""
        said = [
            f"{name} is {vars(self)[name]:g}, less than 0"
            for name in ("requests_per_month", "retrains_per_month")
            if not vars(self)[name] >= 0
        ]
        said += [
            f"{name} is {vars(self)[name]:g}, more than {most:g}"
            for name, most in MOST.items()
            if (vars(self)[name] or 0.0) > most
        ]
        if not self.months > 0:
            said.append(f"months is {self.months:g}, not above 0")
        if self.peak_rps is not None:
            average = self.requests_per_month / SECONDS_PER_MONTH
            if not self.peak_rps > 0:
                said.append(f"peak_rps is {self.peak_rps:g}, not above 0")
            elif self.peak_rps < average * (1 - 1e-9):
                said.append(
                    f"peak_rps is {self.peak_rps:g}, below the average of {average:.3g} requests per second that"
                    " requests_per_month makes"
                )
        return said


@dataclass(frozen=True)
class Choice:
    """What one cell costs, as measured; None is unknown.

    Attributes:
        name: id of the cell.
        train_usd: of its weights; 0.0 where nothing is trained.
        search_usd: of the tries that its settings were chosen among, failed ones too; 0.0 without any.
        index_usd: of what its context builds beforehand; 0.0 without.
        labeling_usd: of the examples that it learns from; 0.0 where it learns from none.
        labor_usd: of the people who make it.
        machine_usd_per_hour: of one whole serving machine (all its GPUs); None for an API or where no price is known.
        requests_per_second: what one machine answers at its measured pace; None for an API or where it was not
            measured.
        requests_per_second_low, requests_per_second_high: interval of it; None where there is none.
        usd_per_request: of an API; None for machines.
    """

    name: str
    train_usd: float | None
    search_usd: float | None
    index_usd: float | None
    labeling_usd: float | None
    labor_usd: float | None
    machine_usd_per_hour: float | None
    requests_per_second: float | None
    requests_per_second_low: float | None = None
    requests_per_second_high: float | None = None
    usd_per_request: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Choice:
        return cls(**of_today(data))

    @property
    def fixed_usd(self) -> float | None:
        """Paid once."""
        return added(self.train_usd, self.search_usd, self.index_usd, self.labeling_usd, self.labor_usd)

    @property
    def retrain_usd(self) -> float | None:
        """Paid at each retraining."""
        return added(self.train_usd, self.index_usd)


@dataclass(frozen=True)
class Ownership:
    """What a choice costs at a load; None is unknown.

    Attributes:
        fixed_usd: paid once.
        retrain_usd: of all retrainings.
        serving_usd: of all months.
        total_usd: the sum.
        machines: whole ones at the peak; None for an API.
        utilisation: share of the paid machine time in which something is answered; None for an API.
        usd_per_1k_requests: of serving alone, idle time included.
        monthly_usd: what each month costs once the fixed costs are paid: serving and retraining.
    """

    name: str
    fixed_usd: float | None
    retrain_usd: float | None
    serving_usd: float | None
    total_usd: float | None
    machines: int | None
    utilisation: float | None
    usd_per_1k_requests: float | None
    monthly_usd: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def added(*amounts: float | None) -> float | None:
    """Returns the sum, None as soon as one part is unknown."""
    return (
        None
        if any(amount is None for amount in amounts)
        else math.fsum(amount for amount in amounts if amount is not None)
    )


def times(amount: float | None, factor: float) -> float | None:
    return None if amount is None else amount * factor


def machines_for(peak_rps: float, requests_per_second: float) -> int:
    """Returns how many whole machines answer ``peak_rps``: at least one, since a service that is up costs one.

    A peak that is a multiple of the throughput up to rounding needs no further machine.
    """
    return max(1, math.ceil(peak_rps / requests_per_second * (1 - 1e-12)))


def serving_usd_per_month(choice: Choice, volume: float, peak_rps: float) -> float | None:
    """Returns what answering ``volume`` requests a month costs; None where price or pace is unknown."""
    if choice.usd_per_request is not None:
        return choice.usd_per_request * volume
    if choice.machine_usd_per_hour is None or not choice.requests_per_second:
        return None
    return machines_for(peak_rps, choice.requests_per_second) * choice.machine_usd_per_hour * HOURS_PER_MONTH


def ownership(choice: Choice, load: Load) -> Ownership:
    """Returns what a choice costs over ``load.months`` at ``load``."""
    volume = load.requests_per_month
    peak = load.peak_per_request * volume
    monthly = serving_usd_per_month(choice, volume, peak)
    serving = times(monthly, load.months)
    retrain = 0.0 if load.retrains_per_month == 0 else times(choice.retrain_usd, load.retrains_per_month * load.months)
    machines = utilisation = None
    if choice.usd_per_request is None and choice.requests_per_second:
        machines = machines_for(peak, choice.requests_per_second)
        utilisation = volume / (machines * choice.requests_per_second * SECONDS_PER_MONTH)
    return Ownership(
        name=choice.name,
        fixed_usd=choice.fixed_usd,
        retrain_usd=retrain,
        serving_usd=serving,
        total_usd=added(choice.fixed_usd, retrain, serving),
        machines=machines,
        utilisation=utilisation,
        usd_per_1k_requests=None if monthly is None or volume == 0 else monthly / volume * 1000,
        monthly_usd=added(monthly, times(retrain, 1 / load.months)),
    )
