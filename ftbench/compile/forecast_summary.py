"""What ``plan.json`` says of a forecast: each stage, each cell as if it ran alone, and the whole run with every shared
stage once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ftbench.core.stage import Stage
from ftbench.cost import forecast
from ftbench.cost.forecast import Forecast


def summary(
    cells: Mapping[str, tuple[str, Sequence[str]]],
    stages: Mapping[str, Stage],
    found: Mapping[str, Mapping[str, Forecast]],
) -> dict[str, Any]:
    """Returns what ``plan.json`` holds: ``stages``, ``cells`` as if each ran alone, and ``total`` with every stage and
    every model's loading once.

    Args:
        cells: id -> hardware's name and the keys of all stages that it needs.
    """
    per_cell = {
        identity: _of_cell([found[key][hardware] for key in keys]) for identity, (hardware, keys) in cells.items()
    }
    first = {key: found[key][hardware] for hardware, keys in reversed(list(cells.values())) for key in keys}
    once = [first[key] for key in stages if key in first]
    loads = {stages[key].held: one.load_seconds for key, one in first.items() if stages[key].held is not None}
    parts = [
        None if one.seconds is None else one.seconds + one.probe_seconds
        for one in once
        if one.kind not in forecast.LIGHT or one.seconds is not None
    ]
    seconds = _sum([*parts, *loads.values()])
    loading = {stages[key].held: key for key in first if stages[key].held is not None}
    usd = _sum([_usd(one, loads=key in loading.values()) for key, one in first.items() if _priced(one)])
    return {
        "stages": {
            key: {name: one.as_dict() for name, one in own.items()} for key, own in found.items() if key in stages
        },
        "cells": per_cell,
        "total": {
            "seconds": seconds,
            "usd": usd,
            "calibrated": bool(once) and all(one.calibrated for one in once if one.seconds is not None),
            "unknown": _reasons(once),
        },
    }


def _usd(one: Forecast, *, loads: bool) -> float | None:
    """Returns the dollars of a stage in a run: its loading only where no stage before it left the model there."""
    if loads or one.usd is None or not one.all_seconds:
        return one.usd  # served elsewhere, or unknown
    return one.usd * (one.all_seconds - (one.load_seconds or 0.0)) / one.all_seconds


def _priced(one: Forecast) -> bool:
    """Tells whether a stage counts in dollars: what the CPU does alone where it has seconds and a price, all else
    always.
    """
    return one.kind not in forecast.LIGHT or one.usd is not None


def _of_cell(stages: Sequence[Forecast]) -> dict[str, Any]:
    heavy = [one for one in stages if one.kind not in forecast.LIGHT]
    sized = [one for one in heavy if one.needs_bytes is not None]
    fullest = max(sized, key=lambda one: one.needs_bytes or 0.0, default=None)
    parts = [one.all_seconds for one in stages if one.kind not in forecast.LIGHT or one.seconds is not None]
    trained = [one for one in heavy if one.kind in ("train", "reference", "merge")]
    return {
        "peak_bytes": fullest.peak_bytes if fullest else None,
        "needs_bytes": fullest.needs_bytes if fullest else None,
        "peak_stage": fullest.kind if fullest else None,
        "memory": fullest.memory if fullest else None,
        "seconds": _sum(parts) if heavy else None,
        "train_seconds": _sum([one.all_seconds for one in trained]) if trained else 0.0,
        "usd": _sum([one.usd for one in stages if _priced(one)]) if heavy else None,
        "calibrated": bool(heavy) and all(one.calibrated for one in heavy),
        "unknown": _reasons(heavy),
    }


def _reasons(stages: Iterable[Forecast]) -> list[str]:
    kinds: dict[str, list[str]] = {}
    for one in stages:
        if one.reason and one.kind not in forecast.LIGHT:
            kinds.setdefault(one.reason, []).append(one.kind)
    return [f"{', '.join(dict.fromkeys(own))}: {reason}" for reason, own in kinds.items()]


def _sum(parts: Sequence[float | None]) -> float | None:
    """Returns the sum, None as soon as one part is unknown (docs/mistakes.md, number 31)."""
    return None if any(part is None for part in parts) else math.fsum(part for part in parts if part is not None)
