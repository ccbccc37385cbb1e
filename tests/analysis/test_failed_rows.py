"""A cell in which too many rows failed has failed (mistake 15); below that, the share stands in every table."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from ftbench.analysis.configurations import winners
from ftbench.analysis.results import gather
from ftbench.report.send.page import html
from ftbench.report.send.texts import csv_text as sent_csv
from ftbench.report.send.texts import markdown_text
from ftbench.report.terminal import render
from ftbench.report.view.sweep import open_sweep
from ftbench.report.write import write_results
from ftbench.stats.failed_rows import commonest
from tests.analysis.conftest import Matrix

N = 40


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    with open(folder / "results.csv", encoding="utf-8", newline="") as file:
        return {row["label"]: row for row in csv.DictReader(file)}


def test_15_a_cell_in_which_most_rows_failed_is_not_ranked(matrix: Matrix, tmp_path: Path) -> None:
    good, bad = matrix.cell("good", 30), matrix.cell("bad", 19, failed_rows=21)
    results = write_results(matrix.plan(), matrix.outcomes, tmp_path)
    assert [family.cells for family in results.families] == [(good.id,)]
    row = results.row(bad.id)
    assert row.facts["status"] == "failed" and row.scores == {}
    reason = "21 of 40 test rows failed, and limits.failed_rows=0.5 allows no such share: "
    assert row.facts["reason"] == reason + "prompt of 19 tokens does not fit (21 rows, other numbers in others)"
    assert results.rank_text(bad.id) == "" and results.frontier(bad.id) is None
    for decision in results.decisions:
        told = json.dumps(decision.as_dict())
        assert bad.id not in told and decision.recommendation.choice == good.id
    said = render(results, 120)
    assert "not done: 1" in said and "failed: bad: 21 of 40" in " ".join(said.split())
    assert rows_of(tmp_path)["bad"]["status"] == "failed" and rows_of(tmp_path)["bad"]["exact_match"] == ""


LIMITS = [(None, "done"), (0.5, "done"), (0.49, "failed"), (1.0, "done"), (0.0, "failed")]


@pytest.mark.parametrize(("limit", "status"), LIMITS)
def test_15_the_limit_is_applied_when_cells_are_read(matrix: Matrix, limit: float | None, status: str) -> None:
    """Half of the rows failed; nothing is run again for another limit, and plans without one have a half."""
    cell = matrix.cell("half", 20, failed_rows=20)
    matrix.limits = None if limit is None else {"failed_rows": limit}
    assert gather(matrix.plan(), matrix.outcomes).row(cell.id).facts["status"] == status


def test_15_a_cell_without_a_failed_row_passes_the_strictest_limit(matrix: Matrix) -> None:
    cell = matrix.cell("sound", 20)
    matrix.limits = {"failed_rows": 0.0}
    assert gather(matrix.plan(), matrix.outcomes).row(cell.id).done


def test_15_the_share_of_failed_rows_stands_in_every_table_where_it_is_not_zero(matrix: Matrix, tmp_path: Path) -> None:
    matrix.cell("good", 30)
    matrix.cell("some", 20, failed_rows=6)
    plan = matrix.plan()
    plan.write(tmp_path)
    results = write_results(plan, matrix.outcomes, tmp_path)
    assert rows_of(tmp_path)["some"]["failed_rows"] == "0.15" and rows_of(tmp_path)["good"]["failed_rows"] == "0.0"
    cells = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["cells"]
    assert {cell["label"]: cell["failed_rows"] for cell in cells} == {"good": 0.0, "some": 0.15}
    head, *lines = render(results, 160).splitlines()
    assert "failed rows" in head and ["15%" in line for line in lines[:2]] == [False, True]
    page = (tmp_path / "leaderboard.md").read_text(encoding="utf-8")
    table = [line for line in page.splitlines() if line.startswith("|")]
    place = [cell.strip() for cell in table[0].split("|")].index("failed rows")
    assert [line.split("|")[place].strip() for line in table[2:4]] == ["", "15%"]
    sweep = open_sweep(tmp_path)
    sent = {row["label"]: row for row in csv.DictReader(io.StringIO(sent_csv([sweep])))}
    assert sent["some"]["failed_rows"] == "0.15"
    (line,) = [line for line in markdown_text([sweep]).splitlines() if line.startswith("|") and " some " in line]
    assert "15% of rows failed" in line
    assert "15% of rows failed" in html([sweep])


def test_no_table_has_the_column_where_no_row_failed(matrix: Matrix, tmp_path: Path) -> None:
    matrix.cell("good", 30)
    results = write_results(matrix.plan(), matrix.outcomes, tmp_path)
    assert "failed rows" not in render(results, 160)
    assert "failed rows" not in (tmp_path / "leaderboard.md").read_text(encoding="utf-8")


def test_15_a_failed_trial_cannot_be_chosen(matrix: Matrix) -> None:
    """Most of its validation rows failed, and the few that did not would win."""
    matrix.cell("lora a", 10, validation=9, approach="lora", values={"method.rank": 8})
    matrix.cell("lora b", 10, validation=12, failed_validation=28, approach="lora", values={"method.rank": 16})
    chosen, told = winners(matrix.plan(), matrix.store)
    assert chosen["lora"].label == "lora a"
    assert any("28 of 40 validation rows failed" in line for line in told)


def test_15_a_secondary_metric_that_failed_on_most_rows_has_no_value(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cell itself is sound, but no table by that metric may rank it at zero."""
    from ftbench.metrics.rouge import Rouge

    def picky(self, rows):
        if any(row["output"] == "It is blue." and row["finish"] != "error" for row in rows):
            raise ValueError("no blue")
        return whole(self, rows)

    whole = Rouge.statistics
    monkeypatch.setattr(Rouge, "statistics", picky)
    cell = matrix.cell("cell", 10)
    row = gather(matrix.plan(), matrix.outcomes).row(cell.id)
    assert row.done and row.value("exact_match") == 0.25 and row.value("rouge1") is None
    assert row.scores["rouge1"]["reason"] == "30 of 40 rows failed (limits.failed_rows=0.5)"


def test_15_a_primary_metric_that_raises_on_most_rows_fails_the_cell(
    matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ftbench.metrics.exact_match import ExactMatch

    def score(self, prediction, references):
        if prediction:
            raise ValueError("no such model")
        return 0.0

    monkeypatch.setattr(ExactMatch, "score", score)
    cell = matrix.cell("cell", 10)
    row = gather(matrix.plan(), matrix.outcomes).row(cell.id)
    assert row.facts["status"] == "failed"
    assert "40 of 40 test rows failed" in row.facts["reason"]
    assert "exact_match raised ValueError: no such model" in row.facts["reason"]


def test_reasons_that_differ_by_their_numbers_are_one_reason() -> None:
    told = commonest(["3 tokens too many", "other", "14 tokens too many", "other", "5 tokens too many", None])
    assert told == "3 tokens too many (3 rows, other numbers in others); other (2 rows); no reason given (1 row)"
    assert commonest(f"reason {letter}" for letter in "aabbcd").endswith("; other reasons (1 rows)")
