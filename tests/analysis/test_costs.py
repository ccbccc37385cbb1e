"""What was measured, beside what the plan had forecast."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ftbench.analysis.costs import costs_of


@pytest.mark.parametrize(
    ("hardware", "device", "seconds", "memory"),
    [
        ("h100", "NVIDIA H100 80GB HBM3", True, True),
        ("cpu", "cpu", True, False),
        ("h100", "NVIDIA A100-SXM4-80GB", False, False),
    ],
)
def test_a_forecast_is_held_against_what_it_is_about(matrix, hardware, device, seconds, memory) -> None:
    """Another device is another forecast; on a CPU memory is that of a process with its libraries."""
    cell = matrix.cell("tuned", 20, trains=True, hardware=hardware, device=device)
    said = {"kind": "train", "calibrated": True, "seconds": 1.0, "peak_bytes": 10, "memory": {"weights": 10}}
    plan = replace(
        matrix.plan(),
        forecast={"cells": {cell.id: {"seconds": 1.0}}, "stages": {cell.stages["train"]: {hardware: said}}},
    )
    (stage,) = costs_of(plan, matrix.store)[cell.id]["forecast"]["stages"]
    assert (stage["measured_seconds"] is not None, stage["measured_peak_bytes"] is not None) == (seconds, memory)
    assert stage["peak_bytes"] == 10
