"""Metrics and scores of files of answers, for ``python -m ftbench score``."""

from __future__ import annotations

import math
from typing import Any

import yaml

from ftbench.core.component import build
from ftbench.core.errors import FtbenchError, Refused, did_you_mean
from ftbench.core.shipped import CONF
from ftbench.metrics.function import FunctionMetric
from ftbench.stages.score import labels_of, raised_entry, score_table, why_not
from ftbench.stages.score_rows import Rows
from ftbench.stats.failures import raised_line, statistics_of

ASKED = {"judge": "judge.model=... judge.settings=...", "model": "bertscore.model=..."}
"""Fields of a metric that hold a model, and how a matrix names it."""


def metric_names() -> list[str]:
    """Returns the names of the metrics that ship."""
    return sorted(path.stem for path in (CONF / "metric").glob("*.yaml"))


def metric_named(name: str) -> Any:
    """Builds the metric of ``conf/metric/NAME.yaml``, or the function of a dotted path.

    Raises:
        FtbenchError: one line for a metric that files cannot be scored by.
    """
    path = CONF / "metric" / f"{name}.yaml"
    if not path.is_file():
        if "." not in name:
            known = did_you_mean(name, metric_names())
            raise FtbenchError(f"--metrics {name}: no such metric. {known}; or the dotted path of a function")
        metric: Any = FunctionMetric(name, name)
    else:
        node = yaml.safe_load(path.read_text(encoding="utf-8"))
        models = [
            key for key, value in node.items() if isinstance(value, str) and value.startswith("${") and key in ASKED
        ]
        if models:
            raise FtbenchError(
                f"--metrics {name}: asks a model that only a matrix can name. Use {ASKED[models[0]]} with"
                " model=recorded model.outputs=FILE"
            )
        # a value that only a dataset could give is not there
        metric = build(
            {key: None if isinstance(value, str) and value.startswith("${") else value for key, value in node.items()},
            f"metric.{name}",
        )
    problems = metric.check()
    if problems:
        raise Refused(problems)
    if metric.reads != "outputs":
        raise FtbenchError(
            f"--metrics {name}: reads a model's log-probabilities, which a file of answers does not have. Ask the model"
            f" in a matrix: metrics=[{name}]"
        )
    return metric


def scored(metric: Any, rows: Rows, settings: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Scores the rows by one metric.

    Args:
        metric: from ``metric_named``.
        rows: from ``score_rows.read_rows``.
        settings: ``confidence``, ``resamples`` and ``seed`` of the interval.

    Returns:
        ``{value, low, high, n, signature}``, and notes for the person at the keyboard.

    Raises:
        FtbenchError: where the metric fails on every row, or its statistics contradict its library.
    """
    notes = []
    table, rows, raised = statistics_of(metric, rows)
    if raised is not None:
        notes.append(raised_line(metric.name, raised_entry(raised), raised.rows))
        if raised.broken:
            raise FtbenchError(notes[0])
    entry = score_table(metric, table, [row["id"] for row in rows], [row["group"] for row in rows], settings)
    if entry["value"] is not None:
        value = metric.corpus(rows)
        if not math.isclose(value, entry["value"], rel_tol=1e-9, abs_tol=1e-9):
            raise FtbenchError(
                f"metric {metric.name} is {value!r} by its library and {entry['value']!r} by its statistics; it must"
                " depend on the rows alone"
            )
    if entry["low"] is None:
        notes.append(f"{metric.name}: {entry['interval'] or f'no value: {why_not(metric, rows)}'}")
    known = {key: entry[key] for key in ("value", "low", "high", "n")}
    return {**known, "signature": labels_of(metric, rows)["signature"]}, notes
