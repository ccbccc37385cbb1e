"""Scores a file of answers against a file of references; needs no sweep, no model and no GPU.

    python -m ftbench score --predictions out.txt --references ref.txt --metrics bleu,chrf,ter,rougeLsum
    python -m ftbench score --predictions out.jsonl --references ref.csv --metrics exact_match

Prints JSON: {metric: {value, low, high, n, signature}}.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from ftbench.cli.parser import Parser, command
from ftbench.core import termination
from ftbench.core.errors import FtbenchError, did_you_mean
from ftbench.core.files import json_text
from ftbench.data.outside import formats
from ftbench.stages.score_files import metric_named, metric_names, scored
from ftbench.stages.score_rows import Columns, read_rows
from ftbench.stats.intervals import few
from ftbench.stats.resample import clusters


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns 0.

    Raises:
        FtbenchError: one line for what cannot be read or scored.
    """
    words = _parser().parse_args(argv)
    if not 0 < words.confidence < 1 or words.resamples < 100:
        raise FtbenchError(
            f"--confidence {words.confidence} --resamples {words.resamples}: give a share below 1 and at least 100"
            " resamples"
        )
    if not 0 <= words.seed < 2**32:
        raise FtbenchError(f"--seed {words.seed}: give a whole number from 0 to 4294967295")
    with contextlib.redirect_stdout(sys.stderr):
        names = dict.fromkeys(name.strip() for name in words.metrics.split(",") if name.strip())
        metrics = [metric_named(name) for name in names]
    if not metrics:
        raise FtbenchError(f"--metrics {words.metrics!r}: names no metric. {did_you_mean('', metric_names())}")
    columns = Columns(words.prediction_column, words.reference_column, words.id_column)
    files = words.predictions, words.references
    rows, notes = read_rows(*files, columns, words.format, allow_missing=words.allow_missing)
    _note(notes)
    settings = {"confidence": words.confidence, "resamples": words.resamples, "seed": words.seed}
    found = {}
    # what a function prints must not stand in the JSON
    with termination.handled(), contextlib.redirect_stdout(sys.stderr):
        for metric in metrics:
            found[metric.name], notes = scored(metric, rows, settings)
            _note(notes)
    units = clusters([row["id"] for row in rows], [row["group"] for row in rows])
    if (rough := few(len(set(units.tolist())), len(rows))) is not None:
        _note([rough])
    if failed := sum(row["finish"] == "error" for row in rows):
        _note([f"{failed} of {len(rows)} references have no answer; they count as failed and stay in n"])
    print(json_text(found), end="")
    return 0


def _parser() -> Parser:
    parser = command("score", __doc__)
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
    parser.add_argument("--metrics", required=True, help="names, comma between them: " + ",".join(metric_names()))
    parser.add_argument("--confidence", type=float, default=0.95)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prediction-column", metavar="NAME", help="column of the answers")
    parser.add_argument("--reference-column", metavar="NAME", help="column of the references")
    parser.add_argument("--id-column", metavar="NAME", help="column that joins the files (default: id, else order)")
    parser.add_argument("--format", choices=formats(), help="format of the files, where their names do not say it")
    parser.add_argument("--allow-missing", action="store_true", help="count references without an answer as failed")
    return parser


def _note(notes: Sequence[str]) -> None:
    for note in notes:
        print(f"ftbench: {note}", file=sys.stderr)
