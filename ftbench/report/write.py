"""Writes what a run found into its folder: ``approaches.csv``, ``results.csv``, ``results.json`` and
``leaderboard.md``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ftbench.analysis.columns import approach_columns, columns, meanings
from ftbench.analysis.own_columns import described
from ftbench.analysis.results import Results, gather
from ftbench.analysis.reviewed import refresh
from ftbench.analysis.rows import CellOutcome, primary_metric
from ftbench.core.cell import Cell
from ftbench.core.files import write_json, write_text
from ftbench.core.plan import Plan
from ftbench.report.leaderboard import markdown
from ftbench.store.store import Store
from ftbench.text.csv import csv_text


def write_results(plan: Plan, outcomes: Mapping[str, CellOutcome], folder: Path) -> Results:
    """Builds the results from plan and store and writes the files.

    Args:
        plan: the compiled matrix.
        outcomes: cell id -> how it ended; refused cells come from the plan.
        folder: the sweep's folder.

    Returns:
        The results, for the terminal.
    """
    results = gather(plan, outcomes)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "results.csv", results_text(results))
    write_text(folder / "approaches.csv", approaches_text(results))
    write_json(folder / "results.json", as_dict(results))
    write_text(folder / "leaderboard.md", markdown(results))
    refresh(folder)
    return results


def validation_score(plan: Plan, cell: Cell, store: Store) -> float | None:
    """Returns the primary metric of a cell on the validation split, which an optimizing sweeper may tune on.

    The test split is never returned: it is scored once, for the table (mistake 29). Of a cell that cannot be
    deployed nothing is: a sweeper would choose it (mistake 44).
    """
    key = cell.stages.get("score.validation") if cell.deployable else None
    found = store.find(key) if key else None
    if found is None:
        return None
    return json.loads((found / "scores.json").read_text(encoding="utf-8")).get(primary_metric(plan), {}).get("value")


def results_text(results: Results) -> str:
    """Returns ``results.csv``: one row per cell, as ``ftbench.text.csv`` writes them."""
    records = [{**row.record(results.metrics), "rank": results.rank_text(row.id)} for row in results.rows]
    return _csv(columns(results.metrics, results.sub_axes, results.own_columns), records)


def approaches_text(results: Results) -> str:
    """Returns ``approaches.csv``: one row per approach, written as ``results_text`` writes cells."""
    return _csv(
        approach_columns(results.metrics, results.sub_axes),
        [approach.record(results.metrics) for approach in results.approaches],
    )


def _csv(names: Sequence[str], records: Sequence[Mapping[str, Any]]) -> str:
    return csv_text([names, *([record.get(name) for name in names] for record in records)])


def as_dict(results: Results) -> dict[str, Any]:
    """Returns everything known, as ``results.json`` holds it."""
    return {
        "primary_metric": results.primary,
        "metrics": list(results.metrics),
        "columns": meanings(results.metrics, results.sub_axes, results.own_columns),
        "own_columns": described(results.own_columns),
        "statistics": results.statistics,
        "approaches": [approach.as_dict() for approach in results.approaches],
        "families": [
            {**family.as_dict(), "decision": decision and decision.as_dict()}
            for family, decision in zip_longest(results.families, results.decisions)
        ],
        "cells": [
            {
                **row.as_dict(),
                "rank": results.rank_text(row.id),
                "frontier": results.frontier(row.id),
                **results.costs.get(row.id, {"account": None, "forecast": None}),
            }
            for row in results.rows
        ],
        "label_efficiency": list(results.labels),
        "notes": list(results.notes),
        "data_checks": list(results.data_checks),
    }
