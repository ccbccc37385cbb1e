"""``python -m ftbench score``: scores a file of answers against a file of references; needs no sweep, no model and no
GPU.

    python -m ftbench score --predictions out.txt --references ref.txt --metrics bleu,chrf,ter,rougeLsum
    python -m ftbench score --predictions out.jsonl --references ref.csv --metrics exact_match

Files are read by ``ftbench.stages.score_rows``. Prints JSON: ``{metric: {value, low, high, n, signature}}``.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ftbench.core import termination
from ftbench.core.component import build
from ftbench.core.errors import FtbenchError, Refused, did_you_mean
from ftbench.core.files import json_text
from ftbench.core.shipped import CONF
from ftbench.data.outside import formats
from ftbench.metrics.function import FunctionMetric
from ftbench.stages.score import labels_of, raised_entry, score_table, why_not
from ftbench.stages.score_rows import Columns, Rows, read_rows
from ftbench.stats.failures import raised_line, statistics_of
from ftbench.stats.intervals import few
from ftbench.stats.resample import clusters

ASKED = {"judge": "judge.model=... judge.settings=...", "model": "bertscore.model=..."}
"""Fields of a metric that hold a model, and how a matrix names it."""


def main(argv: Sequence[str]) -> int:
    """Runs the verb; returns 0.

    Raises:
        FtbenchError: one line for what cannot be read or scored.
    """
    parser = argparse.ArgumentParser(
        prog="ftbench score", description="Scores a file of answers against references; prints JSON."
    )
    kinds = ".json, .jsonl, .csv, .tsv or .parquet (each also .gz)"
    parser.add_argument(
        "--predictions",
        required=True,
        type=Path,
        metavar="FILE",
        help=f"one answer a line, or {kinds} with a column output or prediction, and perhaps id",
    )
    parser.add_argument(
        "--references",
        required=True,
        type=Path,
        nargs="+",
        metavar="FILE",
        help=(
            f"one reference a line, or {kinds} with a column references, reference or target; "
            "several files: several references"
        ),
    )
    parser.add_argument("--metrics", required=True, help="names, comma between them: " + ",".join(_options()))
    parser.add_argument("--confidence", type=float, default=0.95)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prediction-column", metavar="NAME", help="column of the answers")
    parser.add_argument("--reference-column", metavar="NAME", help="column of the references")
    parser.add_argument("--id-column", metavar="NAME", help="column that joins the files (default: id, else order)")
    parser.add_argument("--format", choices=formats(), help="format of the files, where their names do not say it")
    parser.add_argument("--allow-missing", action="store_true", help="count references without an answer as failed")
    words = parser.parse_args(list(argv))
    if not 0 < words.confidence < 1 or words.resamples < 100:
        raise FtbenchError(
            f"--confidence {words.confidence} --resamples {words.resamples}: give a share below 1 and at least 100"
            " resamples"
        )
    if not 0 <= words.seed < 2**32:
        raise FtbenchError(f"--seed {words.seed}: give a whole number from 0 to 4294967295")
    with contextlib.redirect_stdout(sys.stderr):
        metrics = [
            _metric(name) for name in dict.fromkeys(name.strip() for name in words.metrics.split(",") if name.strip())
        ]
    if not metrics:
        raise FtbenchError(f"--metrics {words.metrics!r}: names no metric. {did_you_mean('', _options())}")
    columns = Columns(words.prediction_column, words.reference_column, words.id_column)
    files = words.predictions, words.references
    rows, notes = read_rows(*files, columns, words.format, allow_missing=words.allow_missing)
    for note in notes:
        print(f"ftbench: {note}", file=sys.stderr)
    settings = {"confidence": words.confidence, "resamples": words.resamples, "seed": words.seed}
    with (
        termination.handled(),
        contextlib.redirect_stdout(sys.stderr),
    ):  # what a function prints must not stand in the JSON
        found = {metric.name: _scored(metric, rows, settings) for metric in metrics}
    units = clusters([row["id"] for row in rows], [row["group"] for row in rows])
    if (rough := few(len(set(units.tolist())), len(rows))) is not None:
        print(f"ftbench: {rough}", file=sys.stderr)
    failed = sum(row["finish"] == "error" for row in rows)
    if failed:
        print(
            f"ftbench: {failed} of {len(rows)} references have no answer; they count as failed and stay in n",
            file=sys.stderr,
        )
    print(json_text(found), end="")
    return 0


def _options() -> list[str]:
    return sorted(path.stem for path in (CONF / "metric").glob("*.yaml"))


def _metric(name: str) -> Any:
    path = CONF / "metric" / f"{name}.yaml"
    if not path.is_file():
        if "." not in name:
            raise FtbenchError(
                f"--metrics {name}: no such metric. {did_you_mean(name, _options())}; or the dotted path of a function"
            )
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


def _scored(metric: Any, rows: Rows, settings: dict[str, Any]) -> dict[str, Any]:
    table, rows, raised = statistics_of(metric, rows)
    if raised is not None:
        line = raised_line(metric.name, raised_entry(raised), raised.rows)
        if raised.broken:
            raise FtbenchError(line)
        print(f"ftbench: {line}", file=sys.stderr)
    entry = score_table(metric, table, [row["id"] for row in rows], [row["group"] for row in rows], settings)
    if entry["value"] is not None:
        value = metric.corpus(rows)
        if not math.isclose(value, entry["value"], rel_tol=1e-9, abs_tol=1e-9):
            raise FtbenchError(
                f"metric {metric.name} is {value!r} by its library and {entry['value']!r} by its statistics; it must"
                " depend on the rows alone"
            )
    if entry["low"] is None:
        print(f"ftbench: {metric.name}: {entry['interval'] or f'no value: {why_not(metric, rows)}'}", file=sys.stderr)
    return {
        **{key: entry[key] for key in ("value", "low", "high", "n")},
        "signature": labels_of(metric, rows)["signature"],
    }
