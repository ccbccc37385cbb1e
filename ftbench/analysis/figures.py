"""How the facts of a row read for people."""

from __future__ import annotations

from collections.abc import Sequence

from ftbench.analysis.ranking import cost_of
from ftbench.analysis.rows import Row
from ftbench.text.numbers import duration, figure, money, places


def decimals(rows: Sequence[Row], metric: str) -> int:
    """Returns how many decimals a metric is shown with: three on a scale to 1, fewer on a scale to 100 or beyond."""
    return places(max((abs(value) for row in rows if (value := row.value(metric)) is not None), default=0.0))


def score(row: Row, metric: str, places: int, *, limits: bool) -> str:
    """Returns ``0.812`` or ``0.812 [0.790, 0.834]``."""
    entry = row.scores.get(metric, {})
    return figure(entry.get("value"), entry.get("low"), entry.get("high"), places, limits=limits)


def cost(row: Row, basis: str | None) -> str:
    """Returns a row's cost per 1,000 requests, in dollars or seconds."""
    return per_1k(None if basis is None else cost_of(row, basis), basis)


def per_1k(amount: float | None, basis: str | None) -> str:
    """Returns a cost per 1,000 requests, in the unit of its basis."""
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
    return duration(seconds) if usd is None else money(usd)
