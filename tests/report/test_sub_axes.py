"""Sub-axes stand in the tables, filters and pages wherever axes do."""

from __future__ import annotations

import csv
import io
import json

import pytest

from ftbench.compile.explain import explain
from ftbench.report.send.texts import csv_text
from ftbench.report.view.decision import axes_of, choice_of, decisions
from ftbench.report.view.plan_page import plan_page
from ftbench.report.view.sweep import open_sweep
from ftbench.report.view.table import table
from ftbench.report.write import write_results


@pytest.fixture
def folder(matrix, tmp_path):
    matrix.cell("plain", 10)
    for label, right, retriever in (("words", 20, "bm25"), ("meanings", 30, "dense")):
        matrix.cell(label, right).choices.update({"context": "rag", "context/retriever": retriever})
    matrix.refuse("full", "needs 80 GB, the card has 24 GB")
    write_results(matrix.plan(), matrix.outcomes, tmp_path / "s")
    matrix.plan().write(tmp_path / "s")
    return tmp_path / "s"


def _csv(text: str) -> dict[str, str]:
    return {row["label"]: row["context/retriever"] for row in csv.DictReader(io.StringIO(text))}


def test_tables_have_a_column_for_each_sub_axis(folder) -> None:
    told = {"meanings": "dense", "words": "bm25", "plain": "", "full": ""}
    assert _csv((folder / "results.csv").read_text(encoding="utf-8")) == told
    approaches = _csv((folder / "approaches.csv").read_text(encoding="utf-8"))
    assert approaches == {label: retriever for label, retriever in told.items() if label != "full"}
    header = (folder / "results.csv").read_text(encoding="utf-8").splitlines()[0]
    assert ",hardware,context/retriever,status," in header
    data = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert (
        data["columns"]["context/retriever"] == "option of context/retriever; empty where the cell's context has none"
    )
    assert {cell["label"]: cell["context/retriever"] or "" for cell in data["cells"]} == told
    assert [approach["choices"].get("context/retriever") for approach in data["approaches"]] == ["dense", "bm25", None]
    assert _csv(csv_text([open_sweep(folder)])) == told


def test_filters_and_the_page_of_the_plan_show_them(folder) -> None:
    sweep = open_sweep(folder)
    ranked = table([sweep])
    assert axes_of(ranked) == {
        "method": ["none", "full"],
        "context": ["rag", "zero_shot"],
        "context/retriever": ["dense", "bm25", "none"],
    }
    (one,) = decisions(ranked, {"context/retriever": ["bm25"]})
    assert [choice_of(ranked, line.row, "context/retriever") for line in one.lines] == ["bm25"]
    axes = plan_page(sweep).axes
    assert axes["context/retriever"] == ("bm25", "dense") and list(axes)[:3] == [
        "model",
        "context",
        "context/retriever",
    ]


def test_explain_says_them(matrix) -> None:
    cell = matrix.cell("words", 20)
    cell.choices.update({"context": "rag", "context/retriever": "bm25"})
    assert (
        "options: model=tiny context=rag context/retriever=bm25 method=none dataset=toy decoding=greedy hardware=cpu"
        in explain(matrix.plan(), matrix.store, cell.id)
    )
