"""A column is one object: its name, title and value stand in every table that it names, a user's own ones too."""

from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import replace

import pytest
import yaml

from ftbench.analysis.column import CSV, MARKDOWN, PAGE, TABLES, TERMINAL
from ftbench.analysis.columns import COLUMNS, columns, meanings, of_table
from ftbench.compile.settings import Settings, settings_node
from ftbench.core.cell import AXES
from ftbench.core.component import build
from ftbench.report.send.page import html
from ftbench.report.send.texts import csv_text, markdown_text
from ftbench.report.terminal import render
from ftbench.report.view.sweep import open_sweep
from ftbench.report.write import write_results
from tests.conftest import ROOT

OWN = """
from ftbench.analysis.column import CSV, MARKDOWN, PAGE, TABLES, TERMINAL, Column

words = Column("answer_words", "words per answer", "words/answer", value=lambda row: row.facts["completion_tokens"] / 8)
words_everywhere = Column(**{**vars(words), "tables": TABLES})
hostile = Column("=1", "", "=1+1|@all<b>", "count", lambda row: 12345, tables=TABLES)
broken = Column("broken", "divides by zero", value=lambda row: 1 / 0)
twice = Column("rank", "is there already")
number = 5
"""


@pytest.fixture
def sweep(matrix, tmp_path, monkeypatch):
    """Returns a function that writes a sweep's results with columns of one's own."""
    (tmp_path / "own_columns_here.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for label, right in (("good", 30), ("better", 38)):
        matrix.cell(label, right)

    def write(*names):
        plan = matrix.plan()
        plan = replace(plan, settings={**plan.settings, "columns": [f"own_columns_here.{name}" for name in names]})
        plan.write(tmp_path / "s")
        return write_results(plan, matrix.outcomes, tmp_path / "s"), tmp_path / "s"

    yield write
    sys.modules.pop("own_columns_here", None)


def test_a_column_of_ones_own_is_one_object_and_stands_in_every_table(sweep, monkeypatch) -> None:
    results, folder = sweep("words_everywhere")
    assert "words/answer" in render(results, 200) and " 10" in render(results, 200)
    assert "| words/answer |" in (folder / "leaderboard.md").read_text(encoding="utf-8")
    monkeypatch.undo()
    sys.modules.pop("own_columns_here")  # a report imports nothing of the user's
    found = open_sweep(folder)
    assert "| words/answer |" in markdown_text([found])
    assert ">words/answer</span>" in html([found])
    for text in ((folder / "results.csv").read_text(encoding="utf-8"), csv_text([found])):
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [row["answer_words"] for row in rows] == ["10.0", "10.0"]
    data = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert data["columns"]["answer_words"] == "words per answer"


def test_a_column_stands_only_where_it_says(sweep) -> None:
    results, folder = sweep("words")
    assert "answer_words" in (folder / "results.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "words/answer" not in render(results, 200)
    assert "words/answer" not in html([open_sweep(folder)]) + markdown_text([open_sweep(folder)])


def test_a_column_is_escaped_wherever_it_stands(sweep) -> None:
    _, folder = sweep("hostile")
    page = (folder / "leaderboard.md").read_text(encoding="utf-8") + markdown_text([open_sweep(folder)])
    assert page.count("| \\=1+1\\|@\u2060all\\<b\\> |") == 2
    assert html([open_sweep(folder)]).count("=1+1|@all&lt;b&gt;") == html([open_sweep(folder)]).count("=1+1|@all")
    for text in ((folder / "results.csv").read_text(encoding="utf-8"), csv_text([open_sweep(folder)])):
        assert ",'=1\n" in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("broken", "column broken: ZeroDivisionError: division by zero"),
        ("twice", "is called rank, as another column is"),
        ("number", "is no Column"),
        ("missing", "cannot be imported"),
    ],
)
def test_a_column_that_fails_costs_no_result_and_is_told_of(sweep, name, said) -> None:
    results, _ = sweep(name)
    assert any(said in note for note in results.notes)
    assert [row.label for row in results.rows] == ["better", "good"]


def test_a_path_that_cannot_be_imported_is_refused_before_anything_runs() -> None:
    config = yaml.safe_load((ROOT / "conf" / "config.yaml").read_text(encoding="utf-8"))
    node = {key: value for key, value in config.items() if key in Settings.__dataclass_fields__}
    assert not [one for one in build(settings_node(node), "").check() if one.where == "columns"]
    for path in ("nowhere.column", "json.nothing", "words"):
        problems = build(settings_node({**node, "columns": [path]}), "").check()
        assert [one.why for one in problems if one.where == "columns"] == [f"{path!r} cannot be imported"]


def test_files_hold_every_axis_and_say_what_each_column_means() -> None:
    names = columns(("bleu",), ("context/retriever",))
    assert set(AXES) | {"context/retriever", "bleu", "bleu_low", "bleu_high"} <= set(names)
    assert len(set(names)) == len(names) and all(meanings(("bleu",), ("context/retriever",)).values())
    assert list(meanings(("bleu",)))[: names.index("hardware")] == names[: names.index("hardware")]


def test_every_table_has_its_columns_from_the_same_list() -> None:
    found = {table: [one.name for one in of_table(table)] for table in (TERMINAL, MARKDOWN, PAGE)}
    for names in found.values():
        assert names[:4] == ["rank", "label", "usd_per_1k_requests", "train_usd"]
    assert all(set(one.tables) <= set(TABLES) for one in COLUMNS) and CSV in TABLES
