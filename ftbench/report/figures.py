"""How numbers are written for people. Files for programs hold them in full."""

from __future__ import annotations

from collections.abc import Sequence

from ftbench.report.ranking import cost_of
from ftbench.report.rows import Row

UNKNOWN = "n/a"


def decimals(rows: Sequence[Row], metric: str) -> int:
    """Returns how many decimals a metric is shown with: three on a scale to 1, fewer on a scale to 100 or beyond."""
    largest = max((abs(value) for row in rows if (value := row.value(metric)) is not None), default=0.0)
    return 3 if largest <= 2 else 2 if largest < 1000 else 0


def score(row: Row, metric: str, places: int, *, limits: bool) -> str:
    """Returns ``0.812`` or ``0.812 [0.790, 0.834]``."""
    entry = row.scores.get(metric, {})
    value, low, high = entry.get("value"), entry.get("low"), entry.get("high")
    if value is None:
        return UNKNOWN
    if not limits or low is None or high is None:
        return f"{value:.{places}f}"
    return f"{value:.{places}f} [{low:.{places}f}, {high:.{places}f}]"


def cost(row: Row, basis: str | None) -> str:
    """Returns a row's cost per 1,000 requests, in dollars or seconds."""
    amount = None if basis is None else cost_of(row, basis)
    if amount is None:
        return UNKNOWN
    return money(amount) if basis == "usd_per_1k_requests" else duration(amount)


def training(row: Row) -> str:
    """Returns what training cost: dollars where they are known, else time; a dash where nothing was trained."""
    if not row.trains:
        return "-"
    if row.facts["train_usd"] is not None:
        return money(row.facts["train_usd"])
    return UNKNOWN if row.facts["train_seconds"] is None else duration(row.facts["train_seconds"])


def money(usd: float) -> str:
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.3g}"


def duration(seconds: float) -> str:
    if seconds < 1000:
        return f"{seconds:.1f} s" if seconds < 100 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
