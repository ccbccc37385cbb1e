"""The cases of the witness: command lines, and what is collected of each."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tests.conftest import ROOT
from tests.witness.measured import replace_measurements
from tests.witness.normal import Names, html_text, normal

FILES = ("plan.json", "results.json", "results.csv", "approaches.csv", "leaderboard.md")
A_TENTH = "method.max_steps=14"


@dataclass(frozen=True)
class Case:
    """One command line and the exit status that it is known for.

    Attributes:
        name: of the case and of its folder below ``expected``.
        words: what follows ``python -m ftbench``, less the places of sweep and store.
        trains: whether stages are run, and so everything after them is collected too.
        review: whether two cells are judged by people, as a script fills in their sheets.
    """

    name: str
    words: tuple[str, ...]
    trains: bool = True
    review: bool = False


_ALL = (
    Case("demo", ("-m", "+recipes=demo")),
    Case("preferences", ("-m", "+recipes=preferences", A_TENTH, "dataset.limit.test=60")),
    Case(
        "retrieval",
        (
            "-m",
            "+recipes=prompt_rag_or_finetune_tiny",
            "method.max_steps=7",
            "matrix.couple=[]",
            "dataset.limit.test=60",
        ),
    ),
    Case("forecast", ("plan", "-m", "+recipes=prompt_rag_or_finetune", "dataset=toy"), trains=False),
    Case("refused", ("-m", "method=none,lora", "method.rank=0,8", "metrics=[bleu,perplexity]"), trains=False),
    Case(
        "too_large",
        ("plan", "-m", "model=llama2_7b,llama2_13b", "method=full,lora,qlora,dpo", "hardware=rtx4090", "dataset=toy"),
        trains=False,
    ),
    Case(
        "effort",
        (
            "-m",
            "method=none,lora",
            "effort.trials=3",
            "effort.seeds=[0,1]",
            A_TENTH,
            "dataset.limit.test=60",
            "decision.margin=2",
            "metrics=[bleu]",
        ),
    ),
    Case(
        "review",
        ("-m", "method=none", "context=zero_shot,few_shot,rag", "dataset.limit.test=60", "validation=false"),
        review=True,
    ),
)
CASES = {case.name: case for case in _ALL}


def run_case(case: Case, folder: Path) -> dict[str, str]:
    """Runs a case in an empty folder; returns name -> text of all it wrote and printed, measurements and keys
    replaced.
    """
    folder.mkdir(parents=True)
    store, first, sweep = folder / "store", folder / "first", folder / "sweep"
    if case.trains:
        status, text = _ftbench([*case.words, f"store.dir={store}", f"hydra.sweep.dir={first}"], folder)
        if status:
            raise SystemExit(f"{case.name}: exit status {status}\n{text}")
        replace_measurements(first / "plan.json", store)
    status, text = _ftbench([*case.words, f"store.dir={store}", f"hydra.sweep.dir={sweep}"], folder)
    seen = {"run.txt": f"{text}exit status {status}\n"}
    if case.review:
        seen |= _reviewed(sweep, folder)
    if case.trains:
        seen |= _reported(sweep, folder)
    seen |= {name: (sweep / name).read_text(encoding="utf-8") for name in FILES if (sweep / name).is_file()}
    names = Names.of(sweep / "plan.json") if (sweep / "plan.json").is_file() else Names({})
    return {
        f"{name}.txt" if name.endswith("html") else name: normal(name, text, names, folder)
        for name, text in seen.items()
    }


def _ftbench(words: Sequence[str], folder: Path) -> tuple[int, str]:
    """Runs one command line as a person would; returns exit status and everything printed."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "120",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "ftbench", *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def _reported(sweep: Path, folder: Path) -> dict[str, str]:
    """Returns what is sent around, and what is advised."""
    page = folder / "page.html"
    found = {}
    for name, words in (
        ("report.txt", ["report", str(sweep), "--html", str(page), "--examples", "3"]),
        ("report.md", ["report", str(sweep), "--markdown", "-"]),
        ("report.csv", ["report", str(sweep), "--csv", "-"]),
        ("advise.txt", ["advise", str(sweep)]),
        ("compare.txt", ["compare", str(sweep)]),
    ):
        status, text = _ftbench(words, folder)
        found[name] = f"{text}exit status {status}\n"
    return {**found, "page.html": html_text(page.read_text(encoding="utf-8"))}


def _reviewed(sweep: Path, folder: Path) -> dict[str, str]:
    """Has two cells judged: sheets made, filled in by a rule over the texts, imported, concluded."""
    sheets = folder / "sheets"
    cells = "tiny none zero_shot,tiny none rag"
    _ftbench(
        ["review", "make", str(sweep), "--cells", cells, "--n", "20", "--raters", "anna,bob", "--out", str(sheets)],
        folder,
    )
    files = [sheets / "anna.csv", sheets / "bob.csv"]
    for path in files:
        _fill(path)
    found = {}
    for name, words in (
        ("review_import.txt", ["review", "import", *map(str, files), "--sweep", str(sweep)]),
        ("review_stats.txt", ["review", "stats", str(sweep)]),
        ("review_stats.json", ["review", "stats", str(sweep), "--json"]),
    ):
        status, text = _ftbench(words, folder)
        found[name] = f"{text}exit status {status}\n"
    return found


def _fill(path: Path) -> None:
    """Judges by the texts alone, on whatever side: one pair in five is a tie, else the text of the smaller
    digest wins.
    """
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows, fields = list(reader), list(reader.fieldnames or ())
    for row in rows:
        left, right = (sha256(f"{row['rater']}{row[side]}".encode()).hexdigest() for side in ("left", "right"))
        row["overall"] = "TIE" if (int(left, 16) + int(right, 16)) % 5 == 0 else "LEFT" if left < right else "RIGHT"
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, fields, quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
