"""What each cell costs to own, as measured: its training, its machines, people's work, and the load it has to bear.

The arithmetic is in ``ftbench.cost.ownership``, which a page calls again with another load.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ftbench.analysis.approaches import Approach
from ftbench.analysis.rows import Row
from ftbench.cost.memory import GB
from ftbench.cost.ownership import Choice, Load, Ownership
from ftbench.store.store import Store

Z_95 = 1.96
BASES = ("total_usd", "usd_per_1k_requests", "seconds_per_1k_requests")
"""What the frontier weighs: total cost of ownership where a load is stated, else what a thousand requests take."""


def load_of(settings: Mapping[str, Any]) -> Load | None:
    """Returns the stated load, None where no volume is stated."""
    if not settings.get("requests_per_month"):
        return None
    return Load(
        float(settings["months"]),
        float(settings["requests_per_month"]),
        settings.get("peak_rps"),
        float(settings.get("retrains_per_month") or 0.0),
    )


def choice_of(row: Row, approach: Approach | None, settings: Mapping[str, Any], failed_usd: float | None) -> Choice:
    """Returns what one cell costs, as measured."""
    paid = row.bill
    train = None if paid is None else paid.train_usd
    tried = _rest(approach.train_usd, train) if approach is not None and approach.trains and approach.rolled else 0.0
    search = None if tried is None or failed_usd is None else tried + failed_usd
    served = None if paid is None else paid.requests_per_second
    spread = _spread(row)
    # a sub-axis may have an option named like its axis's
    axis_options = [value for name, value in row.facts.items() if "/" not in name]
    hosted = paid is not None and paid.price_basis.startswith("per token")
    per_1k = paid.usd_per_1k_requests if hosted else None
    return Choice(
        name=row.id,
        train_usd=train,
        search_usd=search,
        index_usd=None if paid is None else paid.index_usd,
        labeling_usd=_labeling(row, settings),
        labor_usd=sum(
            float(amount) for name, amount in (settings.get("labor_usd") or {}).items() if name in axis_options
        ),
        machine_usd_per_hour=None if paid is None else paid.usd_per_hour,
        requests_per_second=served,
        requests_per_second_low=None if served is None or spread is None else served * (1 - spread),
        requests_per_second_high=None if served is None or spread is None else served * (1 + spread),
        usd_per_request=None if per_1k is None else per_1k / 1000,
    )


def comparable_costs(rows: Sequence[Row], owned: Mapping[str, Ownership]) -> tuple[dict[str, float | None], str | None]:
    """Returns cell -> cost in the first basis that is known of every cell; where none is, in dollars for those that
    have them.
    """
    tables: dict[str, dict[str, float | None]] = {
        "total_usd": {row.id: owned[row.id].total_usd if row.id in owned else None for row in rows},
        "usd_per_1k_requests": {row.id: row.facts.get("usd_per_1k_requests") for row in rows},
        "seconds_per_1k_requests": {
            row.id: None if row.bill is None else row.bill.seconds_per_1k_requests for row in rows
        },
    }
    for basis in BASES:
        if all(cost is not None for cost in tables[basis].values()):
            return tables[basis], basis
    some = next((basis for basis in BASES if any(cost is not None for cost in tables[basis].values())), None)
    return (tables[some], some) if some is not None else (tables["usd_per_1k_requests"], None)


def constrained_values(row: Row, owned: Ownership | None) -> dict[str, float | None]:
    """Returns the values that constraints limit, None for unknown."""
    drops = [-gap["difference"] for gap in row.forgetting.values()]
    lost = max(0.0, *drops) if drops else None
    peak = row.facts.get("peak_memory_bytes")
    return {
        "p95_ms": row.facts.get("latency_p95_ms"),
        "usd_per_1k": owned.usd_per_1k_requests if owned is not None else row.facts.get("usd_per_1k_requests"),
        "forgetting": 0.0 if not row.trains else lost,
        "peak_gb": None if peak is None else peak / GB,
    }


def baseline_of(rows: Sequence[Row], settings: Mapping[str, Any], costs: Mapping[str, float | None]) -> str | None:
    """Returns the cell that returns are told against: the best of the named method, else the cheapest that trains
    nothing.
    """
    named = settings.get("baseline")
    if named is not None:
        return next((row.id for row in rows if row.facts.get("method") == named), None)
    priced = [(costs[row.id], row.id) for row in rows if not row.trains and costs.get(row.id) is not None]
    return min(priced)[1] if priced else next((row.id for row in rows if not row.trains), None)


def failed_usd_of(row: Row, keys: Sequence[str], store: Store) -> float | None:
    """Returns what the failed attempts at a cell's stages cost at its price; None where they took time of unknown
    price.
    """
    seconds = math.fsum(receipt.seconds.get("total", 0.0) for key in keys for receipt in store.attempts(key))
    if seconds == 0.0:
        return 0.0
    return None if row.bill is None or row.bill.usd_per_hour is None else seconds / 3600 * row.bill.usd_per_hour


def approach_of(approaches: Sequence[Approach], cell: str) -> Approach | None:
    return next(
        (approach for approach in approaches if any(cell in one.cells for one in approach.configurations)), None
    )


def _rest(whole: float | None, part: float | None) -> float | None:
    return None if whole is None or part is None else max(0.0, whole - part)


def _spread(row: Row) -> float | None:
    """Returns the relative half-width of the mean time per request: sampling of requests, from the spread of those
    timed one by one.
    """
    mean, deviation, n = row.details.get("latency_mean"), row.details.get("latency_sd"), row.facts.get("n")
    if not mean or deviation is None or not n:
        return None
    return min(0.99, Z_95 * deviation / mean / math.sqrt(n))


def _labeling(row: Row, settings: Mapping[str, Any]) -> float | None:
    price = settings.get("labeling_usd_per_example")
    if price is None or not row.trains:
        return 0.0
    rows = row.details.get("trained_rows")
    return None if rows is None else float(price) * rows


def left_out(settings: Mapping[str, Any]) -> list[str]:
    said = []
    if settings.get("labeling_usd_per_example") is None:
        said.append("labeling (decision.labeling_usd_per_example)")
    if not settings.get("labor_usd"):
        said.append("people's work (decision.labor_usd)")
    return said
