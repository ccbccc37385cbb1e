"""Sub-axes on the command line: what is typed, what recipes sweep over, and what Hydra composes before any cell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

RECIPE = (
    "# @package _global_\nhydra:\n  sweeper:\n    params:\n      context: zero_shot,rag\n      context/retriever:"
    " bm25,reranked\n      context.k1: 1.25\n"
)
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Returns a function that runs ``python -m ftbench`` in a folder that holds options of a user."""
    for name, text in {
        "recipes/parts.yaml": RECIPE,
        "context/mine.yaml": "defaults:\n  - /context/rag@_here_\n  - form: plain\n  - _self_\n",
        "context/form/plain.yaml": "turn: '{passages} {question}'\npassage: '{text}'\nseparator: '-'\n",
    }.items():
        path = tmp_path / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def go(*words: str) -> subprocess.CompletedProcess[str]:
        known = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, "-m", "ftbench", *words],
            cwd=tmp_path,
            env=known,
            capture_output=True,
            text=True,
            check=False,
        )

    return go


def _cells(folder: Path) -> list[dict]:
    plan = sorted(folder.glob("multirun/*/*/plan.json"), key=lambda path: path.stat().st_mtime)[-1]
    return json.loads(plan.read_text(encoding="utf-8"))["cells"]


def test_one_option_of_a_sub_axis_and_a_short_key_for_a_whole_matrix(run: Run, tmp_path: Path) -> None:
    done = run(
        "plan",
        "-m",
        "context=zero_shot,mine",
        "context/retriever=bm25",
        "context.k1=1.25",
        "context.separator=x",
        "--config-dir",
        "conf",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    plain, mine = _cells(tmp_path)
    assert (
        mine["choices"]["context/retriever"] == "bm25"
        and mine["choices"]["context/form"] == "plain"
        and "context/form" not in plain["choices"]
    )
    assert (
        mine["config"]["context"]["retriever"]["k1"] == 1.25 and mine["config"]["context"]["form"]["separator"] == "x"
    )
    assert mine["overrides"] == [
        "context=mine",
        "context/retriever=bm25",
        "context.retriever.k1=1.25",
        "context.form.separator=x",
    ]


def test_recipe_sweeps_over_a_sub_axis(run: Run, tmp_path: Path) -> None:
    done = run("plan", "--config-dir", "conf", "-m", "+recipes=parts")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [cell["label"] for cell in _cells(tmp_path)] == [
        "tiny none zero_shot",
        "tiny none rag bm25",
        "tiny none rag reranked",
    ]
    assert _cells(tmp_path)[1]["config"]["context"]["retriever"]["k1"] == 1.25


def test_what_is_wrong_is_told_at_once(run: Run, tmp_path: Path) -> None:
    done = run("plan", "-m", "context=rgg", "context/retriever=bm26,reranker", "context/retreiver=bm25")
    assert done.returncode == 1 and [line.split(". ")[0] for line in done.stderr.splitlines()] == [
        "ftbench: context=rgg: no such context",
        "ftbench: context/retriever=bm26: no such context/retriever",
        "ftbench: context/retriever=reranker: no such context/retriever",
        "ftbench: context/retreiver: context has no such sub-axis",
    ]
    (tmp_path / "conf" / "context" / "form" / "two.yaml").write_text("turn: '{question}'\nk1: 2\n", encoding="utf-8")
    both = run("plan", "--config-dir", "conf", "-m", "context=rag", "context.k1=2")
    assert both.returncode == 1
    assert (
        both.stderr
        == "ftbench: context.k1: is short for context.form.k1 and for context.retriever.k1. Write the one that is meant"
        " in full\n"
    )
    one = run("--cfg", "job", "context=zero_shot", "context/retriever=bm25")
    assert (
        one.returncode == 1
        and one.stderr
        == "ftbench: context/retriever: the context of this cell has none. Choose another context=..., or leave it"
        " out\n"
    )
