"""Compares finished sweeps, and answers recorded elsewhere, over the examples they share.

    python -m ftbench compare multirun/2026-11-20/10-00-00 multirun/2026-11-23/09-30-00
    python -m ftbench compare SWEEP --outputs vendor.jsonl --margin 0.02
    python -m ftbench compare SWEEP1 SWEEP2 --store copied/store --json differences.json

Examples are the same when id and reference texts are; cells are the same kind of number when their metrics' settings
are. The statistics are those of a run: one interval decides, over a declared family.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ftbench.analysis.compare import compared
from ftbench.analysis.compare_entries import entries_of, recorded
from ftbench.analysis.failed_rows import limit_of
from ftbench.analysis.ranking import DECISION
from ftbench.analysis.rows import primary_metric
from ftbench.cli.parser import command
from ftbench.core import termination
from ftbench.core.errors import FtbenchError
from ftbench.core.files import json_text, write_text
from ftbench.report.terminal import render
from ftbench.stats.family import FAMILIES
from ftbench.sweep.folder import open_folder


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns 0.

    Raises:
        FtbenchError: one line for sweeps that cannot be compared.
    """
    parser = command("compare", __doc__)
    parser.add_argument("sweeps", nargs="+", type=Path, metavar="SWEEP", help="folder of a sweep, or its plan.json")
    elsewhere = "answers made elsewhere: id and output (.jsonl, .json, .csv, .tsv or .parquet, each also .gz)"
    parser.add_argument("--outputs", nargs="*", default=[], metavar="FILE", help=elsewhere)
    parser.add_argument("--metric", help="what to compare by (default: the first sweep's primary metric)")
    parser.add_argument("--store", type=Path, help="where the stages now lie (default: where each sweep left them)")
    parser.add_argument("--family", choices=FAMILIES, help="default: the first sweep's decision.family")
    parser.add_argument("--margin", type=float, help="smallest gap that matters, in points of the metric")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything known to FILE")
    words = parser.parse_args(argv)
    if words.margin is not None and not words.margin > 0:
        raise FtbenchError(f"--margin {words.margin}: is not above 0. Give points of the metric")
    plans = [open_folder(path).plan for path in words.sweeps]
    settings = plans[0].settings
    metric = words.metric or primary_metric(plans[0])
    decision = {**DECISION, **(settings.get("decision") or {})}
    decision["family"] = words.family or decision["family"]
    decision["margin"] = words.margin if words.margin is not None else decision["margin"]
    entries = [
        entry
        for path, plan in zip(words.sweeps, plans, strict=True)
        for entry in entries_of(path, plan, metric, words.store)
    ]
    entries += [recorded(file, entries) for file in words.outputs]
    with termination.handled():  # a user's metric must not make a number of a signal
        results = compared(entries, metric, settings["statistics"], decision, limit_of(plans[0]))
    print(render(results, _width()))
    if words.json is not None:
        (family,) = results.families
        data = {
            "metric": metric,
            "statistics": results.statistics,
            "decision": decision,
            "cells": [row.as_dict() for row in results.rows],
            **family.as_dict(),
        }
        write_text(words.json, json_text(data), asked=f"--json {words.json}")
    return 0


def _width() -> int:
    try:
        return max(80, os.get_terminal_size().columns)
    except OSError:
        return 120
