"""Label efficiency: which cells make a curve, where it is called flat, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ftbench.analysis.label_efficiency import curves, lines
from ftbench.analysis.results import gather


def found(matrix, rights, *, n=400, margin=None, metric="exact_match", seed=lambda index: 0):
    """Returns the curves of cells that trained on 100, 200, ... rows and answered so many rows right; the last cell
    trains nothing.
    """
    matrix.decision |= {"margin": margin}
    sizes = {}
    for index, right in enumerate(rights):
        cell = matrix.cell(f"tuned train={100 * (index + 1)}", right, n=n, trains=True, seed=seed(index))
        for axis in ("model", "method", "context", "decoding"):
            cell.config[axis] = {"label": "tuned"}
        cell.config["dataset"] = {"label": "toy", "limit": {"train": 100 * (index + 1), "test": None}}
        sizes[cell.id] = 100 * (index + 1)
    matrix.cell("untouched", rights[0], n=n)
    plan = matrix.plan()
    rows = [
        replace(row, details={**row.details, "trained_rows": sizes[row.id]}) if row.id in sizes else row
        for row in gather(plan, matrix.outcomes).rows
    ]
    return curves(plan, rows, metric, matrix.store)


def test_a_curve_that_stops_rising_is_flat_from_its_first_point_of_no_gain(matrix) -> None:
    (curve,) = found(matrix, [120, 300, 301, 300], margin=0.1)
    assert [(point["rows"], point["value"]) for point in curve["points"]] == [
        (100, 0.3),
        (200, 0.75),
        (300, 0.7525),
        (400, 0.75),
    ]
    assert curve["flat_from"] == 200 and [step["gain"] for step in curve["steps"]] == pytest.approx(
        [0.45, 0.0025, -0.0025]
    )
    (text,) = lines([curve], "exact_match")
    assert (
        text.startswith("label efficiency, tuned: exact_match by training rows: 100 rows 0.3, 200 rows 0.75,")
        and "flat from 200 rows on" in text
    )


def test_a_curve_that_still_rises_is_not_flat(matrix) -> None:
    (curve,) = found(matrix, [40, 160, 320], margin=0.1)
    assert (
        curve["flat_from"] is None
        and curve["last_gain"] == pytest.approx(0.4)
        and curve["last_low"] < 0.4 < curve["last_high"]
    )
    assert "not flattened yet (last step +0.4, " in lines([curve], "exact_match")[0]


def test_26_a_step_that_is_not_told_from_nothing_is_not_called_flat(matrix) -> None:
    (curve,) = found(matrix, [10, 20, 21], n=40, margin=0.05)
    assert curve["last_low"] < 0 < curve["last_high"] and curve["last_high"] > 0.05 and curve["flat_from"] is None


def test_26_without_a_margin_nothing_is_flat_and_the_line_says_what_is_missing(matrix) -> None:
    (curve,) = found(matrix, [300, 300], margin=None)
    assert curve["flat_from"] is None and "decision.margin says what would be flat" in lines([curve], "exact_match")[0]


def test_a_gain_is_for_the_better_where_less_is_better(matrix) -> None:
    matrix.metrics, matrix.primary = ("exact_match", "cap_rate"), "cap_rate"
    matrix.decision |= {"margin": 0.1}
    ids = []
    for rows, finish in ((100, "length"), (200, "stop")):
        cell = matrix.cell(f"tuned train={rows}", 40, trains=True, finish=finish)
        cell.config.update(
            {axis: {"label": "tuned"} for axis in ("model", "method", "context", "decoding")},
            dataset={"limit": {"train": rows}},
        )
        ids.append(cell.id)
    plan = matrix.plan()
    rows = [
        replace(row, details={**row.details, "trained_rows": 100 * (1 + ids.index(row.id))})
        for row in gather(plan, matrix.outcomes).rows
    ]
    (curve,) = curves(plan, rows, "cap_rate", matrix.store)
    assert curve["steps"][0]["gain"] == pytest.approx(1.0) and curve["flat_from"] is None


def test_other_seeds_and_single_points_make_no_curve(matrix) -> None:
    assert found(matrix, [100, 200], n=200, seed=lambda index: index) == []
