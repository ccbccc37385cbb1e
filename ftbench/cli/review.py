"""Human review: blind sheets out, verdicts in, conclusions with intervals.

python -m ftbench review make SWEEP --cells "tiny lora zero_shot,tiny none few_shot" --n 100 --raters 3 --out sheets
python -m ftbench review import sheets/rater-1.xlsx rater-2-verdicts.json
python -m ftbench review stats SWEEP                  # or any CSV: example_id, system_a, system_b, rater, choice
python -m ftbench review pairs SWEEP --out pairs.jsonl
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from ftbench.cli.parser import Parser, command
from ftbench.core.errors import FtbenchError
from ftbench.core.files import json_text
from ftbench.text.secrets import scrub

MAKE = """
Writes each rater's sheet as XLSX, HTML form and CSV; the key stays in SWEEP/review/keys.

    python -m ftbench review make SWEEP --cells "tiny lora zero_shot,tiny none few_shot" --raters anna,bob --out sheets
    python -m ftbench review make SWEEP --cells 3f9a1c,77b0e2 --n 200 --stratify disagreement
"""
IMPORT = """
Reads CSV, XLSX and what the form saves, in any mix. Bad cells are named, good ones kept; importing again changes
nothing.

    python -m ftbench review import sheets/rater-1.xlsx rater-2-verdicts.json
    python -m ftbench review import filled/*.csv --sweep multirun/2026-11-23/10-30-00
"""
STATS = """
Win rates, strengths, agreement: from a sweep's verdicts, or from any CSV with example_id, system_a, system_b, rater,
choice (a|b|tie|both_bad).

    python -m ftbench review stats multirun/2026-11-23/10-30-00
    python -m ftbench review stats verdicts.csv --margin 0.1 --json
"""
PAIRS = """
Writes chosen and rejected answers from verdicts on examples outside the evaluation set.

    python -m ftbench review pairs SWEEP --out pairs.jsonl
    python -m ftbench review pairs SWEEP --out pairs.jsonl --store copied/store
"""


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns 0, or 1 where cells of imported files were bad (the good ones are kept)."""
    words = _parser().parse_args(argv)
    return {"make": _make, "import": _import, "stats": _stats, "pairs": _pairs}[words.subcommand](words)


def _parser() -> Parser:
    parser = command("review", __doc__)
    make = parser.add_subcommand("make", MAKE, "write blind sheets for raters")
    make.add_argument("sweep", type=Path, metavar="SWEEP", help="folder of a finished sweep")
    make.add_argument("--cells", required=True, metavar="A,B[,C...]", help="ids or labels; the first is the baseline")
    make.add_argument(
        "--n",
        type=int,
        default=100,
        help="comparisons (or, in rating mode, examples) to have judged (default: %(default)s)",
    )
    make.add_argument("--raters", default="3", help="how many, or their names: anna,bob (default: %(default)s)")
    make.add_argument("--mode", choices=("pairwise", "rating"), default="pairwise")
    make.add_argument(
        "--out",
        type=Path,
        default=Path("review-sheets"),
        help="folder for the sheets, outside the sweep (default: ./%(default)s)",
    )
    make.add_argument("--seed", type=int, default=0)
    make.add_argument(
        "--overlap",
        type=float,
        default=0.3,
        metavar="SHARE",
        help="share of comparisons that every rater sees, for agreement (default: %(default)s)",
    )
    make.add_argument(
        "--repeat-share",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="share of a rater's items shown again, swapped (default: %(default)s)",
    )
    make.add_argument(
        "--stratify",
        metavar="group|SLICE|disagreement",
        help="spread the sample over groups or a slice column, or draw where the systems disagree",
    )
    make.add_argument(
        "--rubric", type=Path, metavar="FILE", help="YAML like ftbench/review/pairwise.yaml and rating.yaml"
    )
    make.add_argument(
        "--dimensions",
        metavar="D[,D...]",
        help="what to ask beside the verdict, of the rubric's dimensions (default: pairwise comment; rating all)",
    )
    make.add_argument("--reference", action="store_true", help="show raters the expected answer too")
    make.add_argument(
        "--split",
        choices=("test", "validation"),
        default="test",
        help="validation: verdicts that review pairs may train on",
    )
    make.add_argument(
        "--margin",
        type=float,
        help=(
            "smallest gap of a win rate that matters, for the n that it needs (default: decision.margin of a metric"
            " from 0 to 1, else 0.1)"
        ),
    )

    take = parser.add_subcommand("import", IMPORT, "read filled sheets")
    take.add_argument("files", nargs="+", type=Path, metavar="FILE")
    take.add_argument(
        "--sweep", type=Path, help="folder of the sweep (default: every sweep below ./multirun that made sheets)"
    )
    take.add_argument("--take-old", action="store_true", help="take back values that were corrected before")

    stats = parser.add_subcommand("stats", STATS, "what verdicts show")
    stats.add_argument("source", type=Path, metavar="VERDICTS.csv | SWEEP")
    stats.add_argument("--json", action="store_true", help="print everything as JSON")
    stats.add_argument("--baseline", help="system to compare with (default: the first)")
    stats.add_argument(
        "--family", choices=("baseline", "all"), help="which pairs are tested (default: those with the baseline)"
    )
    stats.add_argument("--margin", type=float, help="smallest gap of a win rate that matters, such as 0.1")
    stats.add_argument("--confidence", type=float, help="default: 0.95, or the sweep's")
    stats.add_argument("--split", choices=("test", "validation"), default="test")
    stats.add_argument(
        "--judge",
        type=Path,
        metavar="FILE",
        help=(
            "verdicts of an LLM judge (.jsonl, .json, .csv, .tsv, .parquet): example_id, system_a, system_b, choice, "
            "order; the judges of a sweep are read by themselves"
        ),
    )

    pairs = parser.add_subcommand("pairs", PAIRS, "preference rows for DPO")
    pairs.add_argument("sweep", type=Path, metavar="SWEEP")
    pairs.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSONL to write; must be new")
    pairs.add_argument(
        "--split", choices=("validation", "test"), default="validation", help="test is refused: it ranks the cells"
    )
    for one in (make, take, stats, pairs):
        one.add_argument("--store", type=Path, help="where the stages now lie (default: where the sweep left them)")
    return parser


def _make(words: argparse.Namespace) -> int:
    from ftbench.review.assign import rater_names
    from ftbench.review.make import Request, make, primary_scores, write_batch
    from ftbench.review.rubric import read_rubric
    from ftbench.review.sample_size import declared_margin, sample_size
    from ftbench.review.systems import read_systems, store_of
    from ftbench.sweep.folder import open_folder

    names = _split(words.cells)
    _between("--n", words.n, 1, None)
    _between("--overlap", words.overlap, 0, 1)
    _between("--repeat-share", words.repeat_share, 0, 1)
    _between("--margin", words.margin, 0, 0.5)
    least = 2 if words.mode == "pairwise" else 1
    if len(names) < least:
        raise FtbenchError(
            f"--cells {words.cells}: a {words.mode} review needs {least} or more. Name cells by id or label, with"
            " commas between"
        )
    raters = rater_names(words.raters)
    plan = open_folder(words.sweep).plan
    store = store_of(plan, words.store)
    asked = None if words.dimensions is None else _split(words.dimensions)
    rubric = read_rubric(words.mode, words.rubric).chosen(asked)
    reviewed = read_systems(plan, store, names, words.split)
    margin, why = (words.margin, "--margin") if words.margin is not None else declared_margin(plan.settings)
    request = Request(
        words.n, raters, words.seed, words.repeat_share, words.overlap, words.stratify, words.reference, margin
    )
    batch = make(reviewed, rubric, request, primary_scores(plan, store, reviewed))
    files, key = write_batch(batch, words.sweep, words.out)
    shown = len(batch.drawn.shown)
    unit = "comparisons" if words.mode == "pairwise" else "examples"
    print(
        f"{len(batch.sheets)} raters, {shown} {unit}; items per rater:"
        f" {', '.join(str(len(sheet.entries)) for sheet in batch.sheets)}"
    )
    if shown < words.n:
        which = " with answers that differ" if words.mode == "pairwise" else ""
        print(f"--n {words.n}: there are {shown}{which}; all are used")
    if batch.drawn.identical:
        same = "have answers that read the same: they count as ties and cost no rater's time"
        print(f"{len(batch.drawn.identical)} more {same}")
    if len(names) > 1:
        print(sample_size(batch, margin, why, plan.settings))
    print(f"sheets: {words.out} ({len(files)} files; send each rater one of the three forms of his sheet)")
    print(f"key: {key} (stays here; whoever has it is not blind)")
    return 0


def _import(words: argparse.Namespace) -> int:
    from ftbench.review.import_sheets import import_sheets, keys_of
    from ftbench.review.show import problem_lines

    imported, problems = import_sheets(words.files, keys_of(words.sweep), take_old=words.take_old)
    for one in imported:
        done = one.done
        stale = f", {done.stale} older than a correction" if done.stale else ""
        print(
            f"{one.sweep}: {done.rows} rows: {done.new} new, {done.corrected} corrected,"
            f" {done.same} known already{stale}"
        )
        for warning in done.warnings:
            print(f"note: {warning}")
        problems += done.problems
        _conclude(one.sweep, words.store, {key.split for key in one.keys})
    for line in problem_lines(problems):
        print(line, file=sys.stderr)
    return 1 if problems else 0


def _conclude(sweep: Path, moved: Path | None, splits: Collection[str]) -> None:
    """Brings a sweep's conclusions and tables up to date; prints the conclusions."""
    from ftbench.analysis.reviewed import refresh
    from ftbench.review.show import render
    from ftbench.review.sweep_conclusions import conclude_sweep

    for split in (split for split in ("test", "validation") if split in splits):
        try:
            found, path = conclude_sweep(sweep, moved, split)
        except FtbenchError as error:
            print(f"no conclusions yet ({split} split): {scrub(str(error))}")
            continue
        print(f"\n{render(found)}\n\nconclusions ({split} split): {path}")
    refresh(sweep)


def _stats(words: argparse.Namespace) -> int:
    from ftbench.data.outside import rows_of
    from ftbench.review.conclusions import conclude
    from ftbench.review.read_judge import read_judge
    from ftbench.review.read_ledger import sweep_evidence
    from ftbench.review.read_verdicts import read_verdicts
    from ftbench.review.show import render
    from ftbench.review.sweep_conclusions import settings_of
    from ftbench.review.systems import store_of
    from ftbench.sweep.folder import open_folder

    _between("--margin", words.margin, 0, 0.5)
    _between("--confidence", words.confidence, 0.5, 0.9999)
    plan = open_folder(words.source).plan if words.source.is_dir() else None
    store = store_of(plan, words.store) if plan is not None else None
    evidence = sweep_evidence(words.source, plan, store, words.split) if store else read_verdicts(words.source)
    if words.judge is not None:
        read_judge(words.judge.stem, rows_of(words.judge), evidence)
    given = {name: getattr(words, name) for name in ("confidence", "family", "baseline", "margin")}
    found = conclude(evidence, settings_of(plan, given))
    print(json_text(found).rstrip() if words.json else render(found))
    return 0


def _pairs(words: argparse.Namespace) -> int:
    from ftbench.core.files import write_jsonl
    from ftbench.review.pairs import preference_rows
    from ftbench.review.systems import store_of
    from ftbench.sweep.folder import open_folder

    if words.out.exists():
        raise FtbenchError(f"--out {words.out}: is there already. Name a new file")
    plan = open_folder(words.sweep).plan
    rows, notes = preference_rows(words.sweep, plan, store_of(plan, words.store), words.split)
    words.out.parent.mkdir(parents=True, exist_ok=True)
    write_jsonl(words.out, rows)
    for note in notes:
        print(f"note: {note}")
    source = "dataset.messages=prompt" if isinstance(rows[0]["prompt"], list) else "'dataset.prompt=\"{prompt}\"'"
    print(f"{len(rows)} pairs: {words.out}")
    print(
        f"train on them: dataset=files dataset.preferences={words.out} {source} dataset.chosen=chosen"
        " dataset.rejected=rejected dataset.group=group method=dpo"
    )
    return 0


def _split(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _between(name: str, value: float | None, low: float, high: float | None) -> None:
    if value is not None and not (
        low <= value and (high is None or value <= high) and (name != "--margin" or value > 0)
    ):
        raise FtbenchError(
            f"{name} {value}: is not between {low} and {high}"
            if high is not None
            else f"{name} {value}: is below {low}"
        )
