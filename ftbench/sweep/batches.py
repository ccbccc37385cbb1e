"""Sweepers that ask for one batch after the other: each batch is compiled by itself and added to those before it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ftbench.compile.matrix import Compiled
from ftbench.core.errors import FtbenchError
from ftbench.core.plan import Plan


def merge(before: Plan, compiled: Compiled) -> Compiled:
    """Adds a batch to the plan of the batches before it, for sweepers that ask for one batch after the other."""
    cells = {cell.id: cell for cell in (*before.cells, *compiled.plan.cells)}
    refusals = {refusal.cell: refusal for refusal in (*before.refusals, *compiled.plan.refusals)}
    stages = {**before.stages, **compiled.plan.stages}
    plan = replace(
        compiled.plan,
        cells=tuple(cells.values()),
        stages=stages,
        refusals=tuple(refusals.values()),
        settings=compiled.plan.settings or before.settings,
        store=compiled.plan.store or before.store,
        excluded=before.excluded + compiled.plan.excluded,
        forecast=_joined(before.forecast, compiled.plan.forecast),
    )
    return replace(compiled, plan=plan)


def _joined(before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any] | None:
    """Returns two batches' forecasts as one; what they share is not known to either, so the total is unknown."""
    if before is None or after is None:
        return after or before
    whole = {"seconds": None, "usd": None, "calibrated": False, "unknown": ["several batches"]}
    return {
        "stages": {**before["stages"], **after["stages"]},
        "cells": {**before["cells"], **after["cells"]},
        "total": whole,
    }


def refuse_batches(plan: Plan, first: int) -> None:
    """Refuses a search under a sweeper that asks for one batch after the other: both would choose.

    Raises:
        FtbenchError: for a second batch.
    """
    if first and plan.searches:
        raise FtbenchError(
            "effort: this sweeper asks for one batch after the other and would choose as well. Leave effort out, or"
            " hydra/sweeper"
        )
