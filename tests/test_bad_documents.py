"""Documents that cannot be used refuse the cells that read them, in one line each; the other cells run, and depend on
no documents.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from ftbench.compile.compose import Composer
from ftbench.compile.matrix import compile_matrix
from ftbench.core.files import read_jsonl
from ftbench.core.job import Job
from ftbench.core.plan import Plan
from ftbench.stages import documents, prepare
from tests.compile.conftest import composer  # noqa: F401
from tests.conftest import ROOT

COLOURS = (
    "amber bronze cedar delta ember fjord grove heron iris jade kelp lotus maple nova onyx pearl quartz raven".split()
)
GOOD = [
    {"id": f"d{number}", "text": f"The {colour} box holds number {number}."} for number, colour in enumerate(COLOURS)
]
Words = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of rows and of corpora, each bad in one way; its store is shared by the tests."""
    made = tmp_path_factory.mktemp("odd")
    rows = [
        {"id": f"r{number}", "q": f"What does the {colour} box hold?", "a": f"number {number}", "gold": f"d{number}"}
        for number, colour in enumerate(COLOURS)
    ]
    corpora = {
        "train": rows[:8],
        "validation": rows[8:12],
        "test": rows[12:],
        "good": GOOD,
        "lost": GOOD[:-1],
        "blank": [*GOOD, {"id": "b", "text": " "}],
    }
    for name, own in {**corpora, "long": [*GOOD, {"id": "all", "text": "word " * 10_400_000}]}.items():
        (made / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in own), encoding="utf-8")
    (made / "empty.jsonl").touch()
    (made / "binary.jsonl").write_bytes(bytes(range(256)) * 20)
    (made / "scan.txt").write_bytes(b"%PDF-1.4\n" + bytes(range(1, 32)) * 90)
    return made


@pytest.fixture
def words(folder: Path) -> Words:
    """Returns ``words(corpus)``: the command line over it."""

    def made(corpus: str) -> list[str]:
        files = [f"dataset.{split}={folder / split}.jsonl" for split in ("train", "validation", "test")]
        columns = [
            'dataset.prompt="{q}"',
            'dataset.target="{a}"',
            "dataset.id=id",
            "dataset.gold_documents=gold",
            "dataset.document_id=id",
            "dataset.document_text=text",
        ]
        return [
            "dataset=files",
            *files,
            *columns,
            f"dataset.documents={folder / corpus}",
            f"store.dir={folder / 'store'}",
            "metrics=[exact_match]",
            "decoding.max_new_tokens=2",
            "decoding.latency_requests=1",
        ]

    return made


def run(folder: Path, *words: str) -> tuple[subprocess.CompletedProcess[str], Plan | None]:
    """Runs a matrix in a process of its own; returns it and the plan that it left."""
    known = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "1000"}
    done = subprocess.run(
        [sys.executable, "-m", "ftbench", "-m", *words],
        cwd=folder,
        env=known,
        capture_output=True,
        text=True,
        check=False,
    )
    plans = sorted(folder.glob("multirun/*/*/plan.json"), key=lambda path: path.stat().st_mtime)
    return done, Plan.read(plans[-1]) if plans else None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("corpus", "line"),
    [
        ("empty.jsonl", "the file is empty"),
        ("binary.jsonl", "holds a NUL byte"),
        ("scan.txt", "is no text: "),
        ("long.jsonl", "'all': is one document of 52,000,000 characters, more than 10,000,000"),
        ("blank.jsonl", "blank.jsonl:19: the document text is empty"),
        ("lost.jsonl", "'d17' of "),
        ("missing.jsonl", "no file or folder"),
    ],
)
def test_bad_documents_refuse_cells_that_read_them_in_one_line_and_leave_the_others_alone(
    folder: Path, words: Words, corpus: str, line: str
) -> None:
    given = ["method=none", "context=zero_shot,rag,oracle", *words(corpus)]
    if corpus == "scan.txt":  # a text has no column of ids but its name
        given = [word for word in given if not word.startswith(("dataset.document_id", "dataset.gold"))]
    done, plan = run(folder, *given, "on_refusal=skip")
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    (cell,) = plan.cells
    assert cell.choices["context"] == "zero_shot" and {refusal.choices["context"] for refusal in plan.refusals} == {
        "rag",
        "oracle",
    }
    rag = next(refusal for refusal in plan.refusals if refusal.choices["context"] == "rag")
    (problem,) = rag.problems
    assert line in f"{problem['where']}: {problem['why']}" and problem["fix"]
    (row,) = json.loads(
        (sorted(folder.glob("multirun/*/*/results.json"), key=lambda path: path.stat().st_mtime)[-1]).read_text(
            encoding="utf-8"
        )
    )["cells"][:1]
    assert row["status"] == "done" and row["scores"]["exact_match"]["n"] == 6


@pytest.mark.slow
def test_refused_cells_stop_the_matrix_and_the_exit_status_says_so(folder: Path, words: Words) -> None:
    done, plan = run(folder, "method=none", "context=zero_shot,rag", *words("empty.jsonl"))
    assert (
        done.returncode == 1
        and "empty.jsonl: the file is empty" in done.stderr
        and "on_refusal=skip runs the others" in done.stdout
    )
    assert len(plan.cells) == 1 and len(plan.refusals) == 1


def test_38_only_cells_that_read_documents_depend_on_them(composer: Composer, words: Words, folder: Path) -> None:
    (folder / "other.jsonl").write_text(
        "".join(json.dumps({**row, "text": row["text"] + " Indeed."}) + "\n" for row in GOOD), encoding="utf-8"
    )
    jobs = [["method=lora", f"context={context}"] for context in ("zero_shot", "few_shot", "rag", "oracle")]

    def cells(corpus: str) -> dict[str, dict[str, str]]:
        given = [
            word.replace("dataset.document", "++dataset.document") if word.startswith("dataset.document") else word
            for word in words(corpus)
        ]
        plan = compile_matrix(composer, [[*given, *job] for job in jobs], "plan").plan
        return {
            cell.choices["context"]: {
                **{role: key for role, key in cell.stages.items() if role != "check"},
                "id": cell.id,
            }
            for cell in plan.cells
        }

    good, other, missing = cells("good.jsonl"), cells("other.jsonl"), cells("missing.jsonl")
    for context in ("zero_shot", "few_shot"):
        assert good[context] == other[context] == missing[context]
    for context in ("rag", "oracle"):
        same = {role for role in good[context] if good[context][role] == other[context][role]}
        assert same == {"prepare", "tokens", "train"}, "training is shared with cells that read nothing"
        assert context not in missing
    assert len({cell["prepare"] for cell in good.values()}) == len({cell["train"] for cell in good.values()}) == 1


def test_dropped_documents_are_left_out_of_what_is_retrieved_from(composer: Composer, tmp_path: Path) -> None:
    asked = [
        {"q": f"What does the {colour} box hold?", "a": f"number {number}", "day": "2026-01-05"}
        for number, colour in enumerate(COLOURS)
    ]
    told = [{**row, "day": "2026-02-01" if row["id"] == "d3" else "2026-01-01"} for row in GOOD]
    for name, rows in {"train": asked[:8], "validation": asked[8:10], "test": asked[10:], "documents": told}.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    fields = {
        **{name: tmp_path / f"{name}.jsonl" for name in ("train", "validation", "test", "documents")},
        "prompt": '"{q}"',
        "target": '"{a}"',
        "time": "day",
        "document_id": "id",
        "document_text": "text",
        "document_time": "day",
    }
    words = [
        "dataset=files",
        *(f"++dataset.{name}={value}" for name, value in fields.items()),
        "validation=false",
        "method=none",
        "context=rag",
    ]
    (refusal,) = compile_matrix(composer, [words], "plan").plan.refusals
    assert "'d3'" in refusal.problems[0]["where"]
    compiled = compile_matrix(composer, [[*words, "data.on_leak=drop"]], "plan").plan
    (cell,) = compiled.cells
    folders: dict[str, Path] = {}
    for role, body in (("prepare", prepare), ("documents", documents)):
        stage = compiled.stages[cell.stages[role]]
        folders[role] = tmp_path / role
        folders[role].mkdir()
        body.run(
            Job(
                stage,
                {name: folders[name] for name in stage.inputs},
                folders[role],
                None,
                lambda name: nullcontext(),
                lambda done, total: None,
            )
        )
    kept = [row["id"] for row in read_jsonl(folders["documents"] / "documents.jsonl")]
    assert kept == [row["id"] for row in GOOD if row["id"] != "d3"]
    assert compiled.stages[cell.stages["index"]].inputs == {"documents": cell.stages["documents"]}
