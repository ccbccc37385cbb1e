"""How numbers read for people. Files for programs hold them in full. Unknown is ``n/a``, never 0."""

from __future__ import annotations

import math

UNKNOWN = "n/a"


def places(largest: float) -> int:
    """Returns the decimals for numbers up to ``largest``: three on a scale to 1, fewer on a scale to 100 or beyond."""
    return 3 if largest <= 2 else 2 if largest < 1000 else 0


def figure(value: float | None, low: float | None, high: float | None, places: int, *, limits: bool = True) -> str:
    """Returns ``0.812`` or ``0.812 [0.790, 0.834]``: with its interval where it has one and ``limits`` are wanted."""
    if value is None:
        return UNKNOWN
    if not limits or low is None or high is None:
        return f"{value:.{places}f}"
    return f"{value:.{places}f} [{low:.{places}f}, {high:.{places}f}]"


def signed(value: float, places: int) -> str:
    """Returns a difference with its sign, a true minus, and zero without one."""
    text = f"{abs(value):.{places}f}"
    if not text.strip("0."):
        return text
    return ("+" if value > 0 else "\u2212") + text


def p_value(p: float) -> str:
    """Returns ``0.034`` or ``< 0.001``."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def money(usd: float | None) -> str:
    """Returns an amount: cents, whole dollars from a thousand on, three digits below a dollar and two below a cent."""
    if usd is None:
        return UNKNOWN
    if usd == 0:
        return "$0"
    if usd >= 0.995:
        return f"${usd:,.2f}" if usd < 1000 else f"${usd:,.0f}"
    if usd < 1e-6:
        return "under $0.000001"
    digits = (2 if usd >= 0.01 else 1) - math.floor(math.log10(usd))
    text = f"{usd:.{digits}f}"
    return f"${text.rstrip('0'):0<4}" if usd >= 0.01 else f"${text}"


def duration(seconds: float | None) -> str:
    """Returns ``12.3 s``, ``250 s``, ``45 min`` or ``2.1 h``."""
    if seconds is None:
        return UNKNOWN
    if seconds < 1000:
        return f"{seconds:.1f} s" if seconds < 100 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def milliseconds(value: float | None) -> str:
    """Returns ``1,234 ms``."""
    return UNKNOWN if value is None else f"{value:,.0f} ms"


def size(count: float | None) -> str:
    """Returns a number of bytes, as ``512 kB``, ``31.4 MB`` or ``14.2 GB``: powers of ten, as vendors count."""
    if count is None:
        return UNKNOWN
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= 0.9995 * scale:
            return f"{count / scale:.{3 if count < 999.5 * scale else 6}g} {unit}"
    return f"{count:.0f} B"


def count(number: float | None) -> str:
    """Returns ``1,234`` or ``1.2 million``."""
    if number is None:
        return UNKNOWN
    return f"{number / 1e6:.3g} million" if number >= 1e6 else f"{number:,.0f}"


def share(part: float) -> str:
    """Returns a share in percent; a small one keeps two figures and is never shown as none."""
    return f"{100 * part:.2g}%" if 0 < part < 0.01 else f"{part:.1%}"
