"""Per cell, what everything took (``account``) and how that compares with what the plan had forecast."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ftbench.analysis.finished_stages import Finished
from ftbench.core.component import build
from ftbench.core.plan import Plan
from ftbench.core.receipt import Receipt
from ftbench.core.stage import with_inputs
from ftbench.cost.breakdown import cost_breakdown
from ftbench.cost.tokens import TokenPrice
from ftbench.store.store import Store


def costs_of(plan: Plan, store: Store) -> dict[str, Any]:
    """Returns cell id -> ``account`` and ``forecast``, from plan and store alone."""
    finished = Finished.read(plan, store)
    needs = {cell.id: with_inputs(plan.stages, cell.stages.values()) for cell in plan.cells}
    users = Counter(key for keys in needs.values() for key in keys)
    loads = {key: finished.loads.get(stage.model, 0.0) for key, stage in plan.stages.items() if stage.model is not None}
    found = {}
    for cell in plan.cells:
        hardware = build(cell.config["hardware"], "hardware")
        receipts = {key: finished.receipts.get(key) for key in needs[cell.id]}
        made = cost_breakdown(hardware, receipts, users, loads, TokenPrice.of(cell.config.get("model", {})))
        found[cell.id] = {
            "account": made.as_dict(),
            "forecast": _beside(plan, cell.id, hardware.name, receipts, hardware),
        }
    return found


def _beside(
    plan: Plan, cell: str, hardware: str, receipts: dict[str, Receipt | None], machine: Any
) -> dict[str, Any] | None:
    """Returns the cell's forecast, and per stage forecast and measured seconds and memory; only what ran on the
    forecast hardware is compared.

    Memory measured on a CPU is that of a process with its libraries and is not what the forecast is about: it is
    compared nowhere.
    """
    made = plan.forecast
    if made is None or cell not in made["cells"]:
        return None
    stages = []
    for key, receipt in receipts.items():
        one = made["stages"].get(key, {}).get(hardware)
        if one is None:
            continue
        here = (
            receipt is not None
            and receipt.device is not None
            and (machine.matches(receipt.device) or receipt.device == "cpu" and one["memory"] is None)
        )
        stages.append(
            {
                "stage": key,
                "kind": one["kind"],
                "calibrated": one["calibrated"],
                "seconds": one["seconds"],
                "measured_seconds": _work(receipt) if here and receipt is not None else None,
                "peak_bytes": one["peak_bytes"],
                "measured_peak_bytes": (
                    receipt.peak_memory_bytes
                    if here and receipt is not None and receipt.device != "cpu" and one["memory"] is not None
                    else None
                ),
            }
        )
    return {**made["cells"][cell], "stages": stages}


def _work(receipt: Receipt) -> float:
    """Returns the seconds that a forecast is about: without loading, imports, and the timing of single requests."""
    left_out = sum(receipt.seconds.get(name, 0.0) for name in ("load", "import", "warm_up", "latency"))
    return receipt.seconds["total"] - left_out
