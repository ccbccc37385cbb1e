"""``python -m ftbench review make|import|stats|pairs``: blind sheets out, verdicts in, conclusions with intervals.

    python -m ftbench review make SWEEP --cells "tiny lora zero_shot,tiny none few_shot" --n 100 --raters 3 --out sheets
    python -m ftbench review import sheets/rater-1.xlsx rater-2-verdicts.json
    python -m ftbench review stats SWEEP                  # or any CSV: example_id, system_a, system_b, rater, choice
    python -m ftbench review pairs SWEEP --out pairs.jsonl

The work is in ``ftbench.review``; this module holds the words of the command line, and brings the sweep's tables up to
date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.files import json_text, write_json
from ftbench.core.plan import Plan
from ftbench.review.key import FOLDER, KEYS
from ftbench.store.store import Store
from ftbench.text.secrets import scrub

DEFAULT_MARGIN = 0.1
CONCLUSIONS = "conclusions.json"


def main(argv: Sequence[str]) -> int:
    """Runs the verb; returns 0, or 1 where cells of imported files were bad (the good ones are kept)."""
    words = _parser().parse_args(list(argv))
    return {"make": _make, "import": _import, "stats": _stats, "pairs": _pairs}[words.verb](words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ftbench review", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="make | import | stats | pairs")
    make = verbs.add_parser(
        "make",
        help="write blind sheets for raters",
        description="Writes each rater's sheet as XLSX, HTML form and CSV; the key stays in SWEEP/review/keys.",
    )
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
    make.add_argument("--store", type=Path, help="where the stages now lie (default: where the sweep left them)")

    take = verbs.add_parser(
        "import",
        help="read filled sheets",
        description=(
            "Reads CSV, XLSX and what the form saves, in any mix. Bad cells are named, good ones kept; importing again"
            " changes nothing."
        ),
    )
    take.add_argument("files", nargs="+", type=Path, metavar="FILE")
    take.add_argument(
        "--sweep", type=Path, help="folder of the sweep (default: every sweep below ./multirun that made sheets)"
    )
    take.add_argument("--take-old", action="store_true", help="take back values that were corrected before")
    take.add_argument("--store", type=Path, help="where the stages now lie")

    stats = verbs.add_parser(
        "stats",
        help="what verdicts show",
        description=(
            "Win rates, strengths, agreement: from a sweep's verdicts, or from any CSV with example_id, system_a,"
            " system_b, rater, choice (a|b|tie|both_bad)."
        ),
    )
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
    stats.add_argument("--store", type=Path, help="where the stages now lie")

    pairs = verbs.add_parser(
        "pairs",
        help="preference rows for DPO",
        description="Writes chosen and rejected answers from verdicts on examples outside the evaluation set.",
    )
    pairs.add_argument("sweep", type=Path, metavar="SWEEP")
    pairs.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSONL to write; must be new")
    pairs.add_argument(
        "--split", choices=("validation", "test"), default="validation", help="test is refused: it ranks the cells"
    )
    pairs.add_argument("--store", type=Path, help="where the stages now lie")
    return parser


def _make(words: argparse.Namespace) -> int:
    from ftbench.review.make import Request, make, primary_scores, write_batch
    from ftbench.review.rubric import read_rubric
    from ftbench.review.sample_size import sample_size
    from ftbench.review.systems import read_systems
    from ftbench.sweep.folder import open_folder

    names = [name.strip() for name in words.cells.split(",") if name.strip()]
    _between("--n", words.n, 1, None)
    _between("--overlap", words.overlap, 0, 1)
    _between("--repeat-share", words.repeat_share, 0, 1)
    least = 2 if words.mode == "pairwise" else 1
    if len(names) < least:
        raise FtbenchError(
            f"--cells {words.cells}: a {words.mode} review needs {least} or more. Name cells by id or label, with"
            " commas between"
        )
    raters = _raters(words.raters)
    plan = open_folder(words.sweep).plan
    store = _store(plan, words.store)
    rubric = read_rubric(words.mode, words.rubric).chosen(
        [name.strip() for name in words.dimensions.split(",") if name.strip()] if words.dimensions is not None else None
    )
    reviewed = read_systems(plan, store, names, words.split)
    margin, why = _margin(words.margin, plan)
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
        print(
            f"--n {words.n}: there are {shown}{' with answers that differ' if words.mode == 'pairwise' else ''}; all"
            " are used"
        )
    if batch.drawn.identical:
        print(
            f"{len(batch.drawn.identical)} more have answers that read the same: they count as ties and cost no rater's"
            " time"
        )
    if len(names) > 1:
        print(sample_size(batch, margin, why, plan.settings))
    print(f"sheets: {words.out} ({len(files)} files; send each rater one of the three forms of his sheet)")
    print(f"key: {key} (stays here; whoever has it is not blind)")
    return 0


def _import(words: argparse.Namespace) -> int:
    from ftbench.review.headers import item_of
    from ftbench.review.import_verdicts import import_verdicts
    from ftbench.review.key import read_keys
    from ftbench.review.show import problem_lines
    from ftbench.review.tables import read_tables

    sweeps = (
        [words.sweep]
        if words.sweep is not None
        else sorted({path.parent.parent for path in Path("multirun").glob(f"**/{FOLDER}/{KEYS}")})
    )
    keys = {sweep: found for sweep in sweeps if (found := read_keys(sweep))}
    if not keys:
        where = words.sweep if words.sweep is not None else "below ./multirun"
        raise FtbenchError(f"{where}: no key of a review. Name the sweep that the sheets were made from with --sweep")
    tables, problems = [], []
    for path in dict.fromkeys(words.files):
        try:
            tables += read_tables(path)
        except FtbenchError as error:
            problems.append(str(error))
    taken = []
    for sweep, own in keys.items():
        known = {item for key in own for item in key.items}
        mine = [table for table in tables if any(item_of(cell, known) for _, row in table.rows for cell in row)]
        if mine:
            taken.append((sweep, own, import_verdicts(sweep, own, mine, take_old=words.take_old)))
    used = {
        table.file
        for table in tables
        for sweep, own in keys.items()
        if any(item_of(cell, {item for key in own for item in key.items}) for _, row in table.rows for cell in row)
    }
    problems += [
        f"{file}: holds no item of the sheets that were made. Name their sweep with --sweep"
        for file in dict.fromkeys(table.file for table in tables)
        if file not in used
    ]
    for sweep, own, done in taken:
        stale = f", {done.stale} older than a correction" if done.stale else ""
        print(
            f"{sweep}: {done.rows} rows: {done.new} new, {done.corrected} corrected, {done.same} known already{stale}"
        )
        for warning in done.warnings:
            print(f"note: {warning}")
        problems += done.problems
        _conclude(sweep, words.store, own)
    for line in problem_lines(problems):
        print(line, file=sys.stderr)
    return 1 if problems else 0


def _stats(words: argparse.Namespace) -> int:
    from ftbench.data.outside import rows_of
    from ftbench.review.conclusions import conclude
    from ftbench.review.read_judge import read_judge
    from ftbench.review.read_ledger import sweep_evidence
    from ftbench.review.read_verdicts import read_verdicts
    from ftbench.review.show import render
    from ftbench.sweep.folder import open_folder

    _between("--margin", words.margin, 0, 0.5)
    _between("--confidence", words.confidence, 0.5, 0.9999)
    plan = open_folder(words.source).plan if words.source.is_dir() else None
    if plan is None:
        evidence = read_verdicts(words.source)
    else:
        evidence = sweep_evidence(words.source, plan, _store(plan, words.store), words.split)
    if words.judge is not None:
        read_judge(words.judge.stem, rows_of(words.judge), evidence)
    found = conclude(evidence, _settings(plan, words))
    print(json_text(found).rstrip() if words.json else render(found))
    return 0


def _pairs(words: argparse.Namespace) -> int:
    from ftbench.core.files import write_jsonl
    from ftbench.review.pairs import preference_rows
    from ftbench.sweep.folder import open_folder

    if words.out.exists():
        raise FtbenchError(f"--out {words.out}: is there already. Name a new file")
    plan = open_folder(words.sweep).plan
    rows, notes = preference_rows(words.sweep, plan, _store(plan, words.store), words.split)
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


def _conclude(sweep: Path, store: Path | None, keys: Sequence[Any]) -> None:
    """Writes ``conclusions.json`` of a sweep and brings its tables up to date; prints the conclusions."""
    from ftbench.analysis.reviewed import refresh
    from ftbench.review.conclusions import conclude
    from ftbench.review.read_ledger import sweep_evidence
    from ftbench.review.show import render
    from ftbench.sweep.folder import open_folder

    plan = open_folder(sweep).plan
    splits = [split for split in ("test", "validation") if any(key.split == split for key in keys)]
    for split in splits:
        try:
            found = conclude(sweep_evidence(sweep, plan, _store(plan, store), split), _settings(plan, None))
        except FtbenchError as error:
            print(f"no conclusions yet ({split} split): {scrub(str(error))}")
            continue
        path = sweep / FOLDER / (CONCLUSIONS if split == "test" else f"conclusions.{split}.json")
        write_json(path, {"split": split, **found})
        print(f"\n{render(found)}\n\nconclusions ({split} split): {path}")
    refresh(sweep)


def _settings(plan: Plan | None, words: argparse.Namespace | None) -> Any:
    from ftbench.review.compared import Settings

    given = {
        name: value
        for name in ("confidence", "family", "baseline", "margin")
        if words is not None and (value := getattr(words, name)) is not None
    }
    statistics = plan.settings.get("statistics", {}) if plan is not None else {}
    return Settings(
        **{**{name: statistics[name] for name in ("confidence", "resamples", "seed") if name in statistics}, **given}
    )


def _store(plan: Plan, moved: Path | None) -> Store:
    return Store(str(moved) if moved is not None else plan.store)


def _raters(text: str) -> tuple[str, ...]:
    import re

    if text.isdigit():
        _between("--raters", int(text), 1, 100)
        return tuple(f"rater-{number + 1}" for number in range(int(text)))
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if not re.fullmatch(r"[^\W_][\w.-]{0,40}", name) or names.count(name) > 1:
            raise FtbenchError(
                f"--raters {text}: {name!r} makes no file name of its own. Give a number, or different names of"
                " letters, digits, - and ."
            )
    return names


def _margin(given: float | None, plan: Plan) -> tuple[float, str]:
    """Returns the margin in points of the win rate, and where it comes from."""
    if given is not None:
        _between("--margin", given, 0, 0.5)
        return given, "--margin"
    declared = (plan.settings.get("decision") or {}).get("margin")
    if declared is not None and 0 < declared < 0.5:
        return float(declared), "decision.margin"
    return DEFAULT_MARGIN, "--margin's default"


def _between(name: str, value: float | None, low: float, high: float | None) -> None:
    if value is not None and not (
        low <= value and (high is None or value <= high) and (name != "--margin" or value > 0)
    ):
        raise FtbenchError(
            f"{name} {value}: is not between {low} and {high}"
            if high is not None
            else f"{name} {value}: is below {low}"
        )
