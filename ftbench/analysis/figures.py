"""How numbers are written for people. Files for programs hold them in full."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ftbench.analysis.ranking import cost_of
from ftbench.analysis.rows import Row

UNKNOWN = "n/a"


def decimals(rows: Sequence[Row], metric: str) -> int:
    """Returns how many decimals a metric is shown with: three on a scale to 1, fewer on a scale to 100 or beyond."""
    return places(max((abs(value) for row in rows if (value := row.value(metric)) is not None), default=0.0))


def places(largest: float) -> int:
    """Returns the decimals for numbers up to ``largest``."""
    return 3 if largest <= 2 else 2 if largest < 1000 else 0


def score(row: Row, metric: str, places: int, *, limits: bool) -> str:
    """Returns ``0.812`` or ``0.812 [0.790, 0.834]``."""
    entry = row.scores.get(metric, {})
    return figure(entry.get("value"), entry.get("low"), entry.get("high"), places, limits=limits)


def figure(value: float | None, low: float | None, high: float | None, places: int, *, limits: bool) -> str:
    """Returns a value, with its interval where it has one and ``limits`` are wanted."""
    if value is None:
        return UNKNOWN
    if not limits or low is None or high is None:
        return f"{value:.{places}f}"
    return f"{value:.{places}f} [{low:.{places}f}, {high:.{places}f}]"


def cost(row: Row, basis: str | None) -> str:
    """Returns a row's cost per 1,000 requests, in dollars or seconds."""
    return per_1k(None if basis is None else cost_of(row, basis), basis)


def per_1k(amount: float | None, basis: str | None) -> str:
    """Returns a cost per 1,000 requests, in the unit of its basis."""
    if amount is None:
        return UNKNOWN
    return money(amount) if basis == "usd_per_1k_requests" else duration(amount)


def failed(row: Row) -> str:
    """Returns the share of rows that failed, empty where none did or it is not known."""
    share = row.facts.get("failed_rows")
    return "" if not share else f"{share:.0%}" if share >= 0.01 else "<1%"


def training(row: Row) -> str:
    """Returns what training cost: dollars where they are known, else time; a dash where nothing was trained."""
    return spent(row.trains, row.facts["train_seconds"], row.facts["train_usd"])


def spent(trains: bool, seconds: float | None, usd: float | None) -> str:
    """Returns what was spent on training."""
    if not trains:
        return "-"
    if usd is not None:
        return money(usd)
    return UNKNOWN if seconds is None else duration(seconds)


def money(usd: float) -> str:
    """Returns a price: three digits, below a cent two; what is less than a millionth of a dollar, as that."""
    if 0 < usd < 1e-6:
        return "under $0.000001"
    if usd >= 1:
        return f"${usd:,.2f}"
    return f"${usd:.3g}" if usd >= 0.01 or usd == 0 else f"${usd:.{1 - math.floor(math.log10(usd))}f}"


def dollars(usd: float) -> str:
    """Returns a sum: whole dollars from a hundred on, and less than a cent as that."""
    if 0 < usd < 0.01:
        return "under $0.01"
    return f"${usd:,.0f}" if usd >= 100 or usd == 0 else f"${usd:,.2f}"


def duration(seconds: float) -> str:
    if seconds < 1000:
        return f"{seconds:.1f} s" if seconds < 100 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """Returns ``512 kB``, ``31.4 MB`` or ``14.2 GB``, in powers of ten as vendors count."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count:.0f} B"


def count(number: float | None) -> str:
    """Returns ``1,234`` or ``1.2 million``."""
    if number is None:
        return UNKNOWN
    return f"{number / 1e6:.3g} million" if number >= 1e6 else f"{number:,.0f}"


def share(part: float) -> str:
    """Returns a share in percent; a small one keeps two figures and is never shown as none."""
    return f"{100 * part:.2g}%" if 0 < part < 0.01 else f"{part:.1%}"


def signed(value: float, places: int) -> str:
    """Returns a difference with its sign, a true minus, and zero without one."""
    text = f"{abs(value):.{places}f}"
    if not text.strip("0."):
        return text
    return ("+" if value > 0 else "\u2212") + text
