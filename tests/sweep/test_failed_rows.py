"""Cells whose rows fail, run as a person runs them: exit status 1 with the reason, and nothing at zero in a ranking."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ftbench.compile.option import shipped as component
from tests.conftest import ROOT

SMALL = (
    "dataset.train=24",
    "dataset.validation=4",
    "dataset.test=6",
    "validation=false",
    "decoding.latency_requests=1",
    "decoding.max_new_tokens=4",
    "statistics.resamples=100",
)


def run(folder: Path, *words: str) -> tuple[int, dict[str, dict[str, str]], str]:
    """Runs a matrix; returns the exit status, the rows of ``results.csv`` by status, and what was printed."""
    known = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]), "OMP_NUM_THREADS": "1"}
    places = [f"hydra.sweep.dir={folder}/sweep", f"store.dir={folder}/store"]
    command = [sys.executable, "-m", "ftbench", "-m", *SMALL, *places, *words]
    done = subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stdout + done.stderr
    with open(folder / "sweep" / "results.csv", encoding="utf-8", newline="") as file:
        return done.returncode, {row["status"]: row for row in csv.DictReader(file)}, done.stdout


def stages(folder: Path, kind: str) -> list[str]:
    """Returns the keys of the finished stages of a kind."""
    receipts = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("store/stages/*/*/receipt.json")]
    return [receipt["key"] for receipt in receipts if receipt["kind"] == kind]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("model.context_tokens=3,500", "metrics=[exact_match,perplexity]"), "does not fit"),
        (("model.chat_template=BAD,auto",), "none of 6 rows was answered"),
    ],
    ids=["window", "template"],
)
def test_15_a_local_stage_without_any_answer_is_not_published(
    tmp_path: Path, words: tuple[str, ...], reason: str
) -> None:
    template = tmp_path / "bad.jinja"
    template.write_text("{{ raise_exception('no such turn') }}", encoding="utf-8")
    status, rows, said = run(tmp_path, *(word.replace("BAD", str(template)) for word in words))
    assert status == 1
    assert set(rows) == {"failed", "done"}
    assert "none of 6 rows was answered" in rows["failed"]["reason"] and reason in rows["failed"]["reason"]
    assert "(6 rows" in rows["failed"]["reason"]
    assert rows["failed"]["exact_match"] == "" and rows["done"]["exact_match"] != ""
    assert len(stages(tmp_path, "generate")) == 1
    assert "not done: 1" in said


def test_15_the_users_only_metric_that_raises_on_each_row_fails_the_cell(tmp_path: Path) -> None:
    code = "def strict(prediction, references):\n    raise KeyError('no gold')\n"
    (tmp_path / "own_metrics.py").write_text(code, encoding="utf-8")
    status, rows, said = run(tmp_path, "metrics=[own_metrics.strict]")
    assert status == 1
    assert list(rows) == ["failed"]
    assert "6 of 6 test rows failed" in rows["failed"]["reason"] and "KeyError" in rows["failed"]["reason"]
    assert "1 failed" in said or "not done: 1" in said


def test_15_another_limit_runs_nothing_again(tmp_path: Path) -> None:
    """A third of the recorded answers is missing."""
    recorded = tmp_path / "answers.jsonl"
    words = ("model=recorded", f"model.outputs={recorded}", "metrics=[exact_match]")
    dataset = component("dataset", "toy", train=24, validation=4, test=6)
    ids = [example.id for example in dataset.load().test]
    lines = [json.dumps({"id": identity, "output": "x"}) for identity in ids[:4]]
    recorded.write_text("\n".join(lines) + "\n", encoding="utf-8")
    status, rows, said = run(tmp_path, *words)
    assert status == 0 and float(rows["done"]["failed_rows"]) == pytest.approx(1 / 3)
    assert "33%" in said
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("store/stages/*/*/scores.json")}
    status, rows, _ = run(tmp_path, *words, "limits.failed_rows=0.3")
    assert status == 1 and "2 of 6 test rows failed" in rows["failed"]["reason"]
    assert "no recorded answer (2 rows)" in rows["failed"]["reason"]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("store/stages/*/*/scores.json")} == before
