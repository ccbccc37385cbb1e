"""Fits a machine's rates to probes: how long measured work took, by the same arithmetic that forecasts it later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from ftbench.cost.speed import KINDS, Rate, Rates

LARGE_BYTES = 1e9
"""Weights above this are read at a rate; below, building the model takes longer than reading it."""


@dataclass(frozen=True)
class Probe:
    """One measured piece of work.

    Attributes:
        pace: one of ``ftbench.cost.speed.KINDS``.
        work: ``passes, operations, flops, moved, rows``.
        seconds: that it took, loading and imports left out.
    """

    pace: str
    work: Mapping[str, float]
    seconds: float


def fit(probes: Sequence[Probe], *, overlap: bool) -> dict[str, Rate]:
    """Returns kind of work -> rate, by non-negative least squares over relative errors.

    Where launching and computing overlap, the rate per operation is that of the probe with the least computing for each
    operation, and the rest is computed time. Three probes a kind are the least that tell start, operations and
    computing apart.
    """
    found = {}
    for kind in KINDS:
        own = [probe for probe in probes if probe.pace == kind and probe.seconds > 0]
        if own:
            found[kind] = _overlapping(own) if overlap else _serial(own)
    return found


def _serial(probes: Sequence[Probe]) -> Rate:
    from scipy.optimize import nnls

    columns = [
        np.ones(len(probes)),
        *(
            np.array([probe.work[name] for probe in probes], dtype=np.float64)
            for name in ("operations", "flops", "rows")
        ),
    ]
    scale = np.array([max(float(column.max()), 1e-300) for column in columns])
    seconds = np.array([probe.seconds for probe in probes])
    table = np.column_stack(columns) / scale
    start, operation, flop, row = nnls(table / seconds[:, None], np.ones(len(probes)))[0] / scale
    return Rate(float(start), float(operation), float(flop), 0.0, float(row), False)


def _overlapping(probes: Sequence[Probe]) -> Rate:
    launched = min(probes, key=lambda probe: probe.work["flops"] / max(probe.work["operations"], 1.0))
    computed = max(probes, key=lambda probe: probe.work["flops"] / max(probe.work["operations"], 1.0))
    operation = launched.seconds / max(launched.work["operations"], 1.0)
    return Rate(0.0, operation, computed.seconds / max(computed.work["flops"], 1.0), 0.0, 0.0, True)


def rates(
    probes: Sequence[Probe],
    loads: Sequence[tuple[float, float]],
    light: Mapping[str, Sequence[tuple[float, int]]],
    *,
    overlap: bool,
    basis: str,
) -> Rates:
    """Returns the rates of a machine.

    Args:
        loads: bytes of weights and seconds of loading them.
        light: kind of stage -> seconds and rows.
        overlap: whether there is a GPU.
        basis: what a plan says of where they are from.
    """
    large = [seconds / size for size, seconds in loads if size >= LARGE_BYTES]
    small = [seconds for size, seconds in loads if size < LARGE_BYTES]
    light_rates = {kind: _by_rows(seen) for kind, seen in light.items() if any(rows for _, rows in seen)}
    return Rates(
        fit(probes, overlap=overlap),
        median(small) if small else 0.0,
        median(large) if large else 0.0,
        light_rates,
        True,
        basis,
    )


def _by_rows(seen: Sequence[tuple[float, int]]) -> Rate:
    """Returns the start and the time per row of a stage that needs no device; from one number of rows alone nothing
    tells the two apart.
    """
    usable = [(seconds, rows) for seconds, rows in seen if rows and seconds > 0]
    medians = {
        count: median(seconds for seconds, rows in usable if rows == count) for count in {rows for _, rows in usable}
    }
    if len(medians) == 1:
        ((count, seconds),) = medians.items()
        return Rate(0.0, 0.0, 0.0, 0.0, seconds / count, False)
    return _serial(
        [
            Probe("light", {"operations": 0.0, "flops": 0.0, "rows": float(count)}, seconds)
            for count, seconds in medians.items()
        ]
    )


def errors(probes: Sequence[Probe], kinds: Mapping[str, Rate]) -> list[dict[str, Any]]:
    """Returns for each probe what the fit says of it."""
    from ftbench.cost.speed import Work

    return [
        {
            "pace": probe.pace,
            "seconds": probe.seconds,
            "fitted": kinds[probe.pace].seconds(Work(**probe.work)),
            "work": dict(probe.work),
        }
        for probe in probes
        if probe.pace in kinds
    ]
