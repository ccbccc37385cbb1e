"""What a choice earns against a baseline, in cost alone: what it costs more at first, what each month saves, and when
that is paid back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ftbench.cost.ownership import Choice, Load, added, ownership, times


@dataclass(frozen=True)
class Return:
    """What a choice earns against a baseline, in cost alone; None is unknown or never.

    Attributes:
        investment_usd: what it costs more than the baseline before the first request.
        saving_usd_per_month: what each month costs less.
        payback_months: until the savings have paid for the investment; 0.0 where nothing more is invested and something
            saved; None where it never is.
        roi: (savings of all months - investment) / investment; None without an investment to return.
    """

    name: str
    baseline: str
    investment_usd: float | None
    saving_usd_per_month: float | None
    payback_months: float | None
    roi: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def returns(choice: Choice, baseline: Choice, load: Load) -> Return:
    """Returns the return on investment of a choice against a baseline at a load; what better answers are worth is not
    in it.
    """
    own, other = ownership(choice, load), ownership(baseline, load)
    investment = added(own.fixed_usd, times(other.fixed_usd, -1.0))
    saving = added(other.monthly_usd, times(own.monthly_usd, -1.0))
    payback = roi = None
    if investment is not None and saving is not None:
        if saving > 0:
            payback = max(0.0, investment / saving)
        if investment > 0:
            roi = (saving * load.months - investment) / investment
    return Return(choice.name, baseline.name, investment, saving, payback, roi)
