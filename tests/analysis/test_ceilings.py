"""Number 44: what cannot be deployed is an upper bound: a line of its own, never ranked, compared or recommended."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from ftbench.analysis.detectable import detectable_effects
from ftbench.analysis.label_efficiency import curves
from ftbench.cli.advise import advice, read
from ftbench.cli.advise import main as advise
from ftbench.cli.compare import main as compare
from ftbench.core.cell import Cell
from ftbench.core.errors import FtbenchError
from ftbench.core.example import Example, Turn
from ftbench.core.plan import FILE, Plan
from ftbench.report.leaderboard import markdown
from ftbench.report.send.page import html
from ftbench.report.send.texts import csv_text, markdown_text
from ftbench.report.terminal import render
from ftbench.report.view.decision import decisions
from ftbench.report.view.sweep import open_sweep
from ftbench.report.view.table import table
from ftbench.report.write import validation_score, write_results
from ftbench.review.systems import read_systems

LINE = "ceiling, cannot be deployed: tiny none oracle: exact_match 1.000"


EXAMPLE = Example("row", (Turn("user", "?"),), None, ("It is red.",), None, None, {}, (), None, None).as_dict()
TESTED = [{**EXAMPLE, "id": f"row{index}"} for index in range(40)]


def deployables(matrix) -> None:
    matrix.cell("tiny lora", 35, trains=True, work=8.0, price=1.0, validation=30, tested=TESTED)
    matrix.cell("tiny none rag", 30, work=6.0, price=1.0, validation=30)
    matrix.cell("tiny none", 5, work=2.0, price=1.0, validation=5)


def oracle(matrix, **more):
    """A cell that is right everywhere and costs less than any other."""
    return matrix.cell("tiny none oracle", 40, work=1.0, price=1.0, validation=40, deployable=False, **more)


def saved(matrix, folder: Path):
    plan = matrix.plan()
    plan.write(folder)
    return write_results(plan, matrix.outcomes, folder)


def heart(folder: Path) -> dict:
    """Returns everything that is said of cells that can be deployed, but for how seconds of shared stages are split."""
    data = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    families = [{name: value for name, value in family.items() if name != "ceilings"} for family in data["families"]]
    return {
        "families": families,
        "cells": [{**cell, "account": None} for cell in data["cells"] if cell["deployable"]],
        "approaches": [one for one in data["approaches"] if one["deployable"]],
        "notes": data["notes"],
        "label_efficiency": data["label_efficiency"],
    }


def test_44_nothing_said_of_the_others_changes_when_a_ceiling_is_there(matrix, tmp_path) -> None:
    """Ranks, adjusted intervals, frontier, ownership, recommendation, sentences, notes: to the last digit."""
    matrix.decision |= {"months": 12, "requests_per_month": 1e6, "peak_rps": None, "retrains_per_month": 0.0}
    matrix.decision["margin"] = 0.1
    deployables(matrix)
    saved(matrix, tmp_path / "without")
    bound = oracle(matrix)
    results = saved(matrix, tmp_path / "with")
    assert heart(tmp_path / "with") == heart(tmp_path / "without")
    data = json.loads((tmp_path / "with" / "results.json").read_text(encoding="utf-8"))
    (cell,) = [cell for cell in data["cells"] if not cell["deployable"]]
    assert (cell["cell_id"], cell["rank"], cell["frontier"]) == (bound.id, "", None)
    assert data["families"][0]["ceilings"] == [bound.id]
    assert bound.id not in json.dumps(data["families"][0]["decision"])
    assert results.unranked() == [], "it has a value: it is not n/a"
    said = [[one.text for one in advice(*read(tmp_path / name))] for name in ("with", "without")]
    assert said[0] == said[1]


def test_44_every_place_shows_it_as_a_line_of_its_own(matrix, tmp_path) -> None:
    deployables(matrix)
    oracle(matrix)
    results = saved(matrix, tmp_path / "s")
    sweep = open_sweep(tmp_path / "s")
    for text in (render(results, 200), markdown(results), markdown_text([sweep]), html([sweep])):
        assert text.replace("\\", "").count(LINE) >= 1
    (one,) = decisions(table([sweep]))
    assert [row.label for row in one.ceilings] == ["tiny none oracle (ceiling)"]
    assert all("oracle" not in line.row.label for line in one.cells)
    assert "oracle" not in one.headline.sentence + one.headline.confidence + " ".join(one.headline.also)
    assert 'class="ft-bound"' in html([sweep]), "a reference line in the chart"
    for text in ((tmp_path / "s" / "results.csv").read_text(encoding="utf-8"), csv_text([sweep])):
        rows = {row["label"]: (row["rank"], row["deployable"]) for row in csv.DictReader(io.StringIO(text))}
        assert rows["tiny none oracle"] == ("", "False")
        assert rows["tiny lora"][1] == "True" and rows["tiny lora"][0]
    (other,) = decisions(table([sweep], "rouge1"))
    assert [row.label for row in other.ceilings] == ["tiny none oracle (ceiling)"] and len(other.cells) == 3
    (part,) = decisions(table([sweep], None, ("kind", "new")))
    assert part.ceilings[0].scores["exact_match"]["n"] == 20 and len(part.cells) == 3


def test_44_where_nothing_can_be_deployed_the_headline_says_so(matrix, tmp_path, capsys) -> None:
    oracle(matrix)
    results = saved(matrix, tmp_path / "s")
    sweep = open_sweep(tmp_path / "s")
    said = "Nothing can be recommended: the only cell with a value of exact_match is a ceiling, cannot be deployed."
    for text in (render(results, 200), markdown(results), markdown_text([sweep]), html([sweep])):
        assert said in text.replace("\\", "") and LINE in text.replace("\\", "")
    assert advise([str(tmp_path / "s")]) == 0 and said in " ".join(capsys.readouterr().out.split())


def test_44_compare_leaves_it_out_of_the_family(matrix, tmp_path, capsys) -> None:
    deployables(matrix)
    saved(matrix, tmp_path / "without")
    assert compare([str(tmp_path / "without"), "--json", str(tmp_path / "without.json")]) == 0
    oracle(matrix)
    saved(matrix, tmp_path / "with")
    capsys.readouterr()
    assert compare([str(tmp_path / "with"), "--json", str(tmp_path / "with.json")]) == 0
    assert LINE in capsys.readouterr().out
    without, found = (json.loads((tmp_path / name).read_text("utf-8")) for name in ("without.json", "with.json"))
    for name in ("ranks", "comparisons", "pairs", "sentences"):
        assert found[name] == without[name], name
    matrix.cells[:] = matrix.cells[2:]
    saved(matrix, tmp_path / "two")
    said = r"1 finished cell with exact_match \(ceiling, cannot be deployed: tiny none oracle\): a comparison needs two"
    with pytest.raises(FtbenchError, match=said):
        compare([str(tmp_path / "two")])


def test_44_a_sweep_of_before_cells_said_so_still_opens_and_recommends_no_oracle(matrix, tmp_path) -> None:
    """Its plan has no ``deployable``: the cell's context tells. Its ranks hold the oracle: the page compares anew."""
    deployables(matrix)
    cell = matrix.cell("tiny none oracle", 40, work=1.0, price=1.0, validation=40)
    cell.config["context"] = {"_target_": "ftbench.contexts.oracle.Oracle"}
    saved(matrix, tmp_path / "s")
    plan = json.loads((tmp_path / "s" / FILE).read_text(encoding="utf-8"))
    results = json.loads((tmp_path / "s" / "results.json").read_text(encoding="utf-8"))
    for one in (*plan["cells"], *results["cells"], *results["approaches"]):
        del one["deployable"]
    (tmp_path / "s" / FILE).write_text(json.dumps(plan), encoding="utf-8")
    (tmp_path / "s" / "results.json").write_text(json.dumps(results), encoding="utf-8")
    assert [one.deployable for one in Plan.read(tmp_path / "s" / FILE).cells] == [True, True, True, False]
    sweep = open_sweep(tmp_path / "s")
    (one,) = decisions(table([sweep]))
    assert [line.row.label for line in one.cells] == ["tiny lora", "tiny none rag", "tiny none"]
    assert one.cells[-1].rank == "3"
    assert "oracle" not in one.headline.sentence and one.ceilings and LINE in html([sweep])
    with pytest.raises(FtbenchError, match="ranked tiny none oracle, which is a ceiling, cannot be deployed. Repeat"):
        read(tmp_path / "s")


def test_44_neither_sweeper_nor_forecast_nor_learning_curve_counts_it(matrix, tmp_path) -> None:
    deployables(matrix)
    bound = oracle(matrix)
    plan = matrix.plan()
    assert validation_score(plan, bound, matrix.store) is None, "an optimising sweeper would choose it"
    assert validation_score(plan, matrix.cells[0], matrix.store) == 30 / 40
    plan.settings["samples"] = {bound.stages["prepare"]: {"1": 40}}
    (said,) = detectable_effects(plan)
    assert ", 3 comparisons;" in said, "three pairs of three cells, not six of four"


def test_44_a_learning_curve_is_not_drawn_of_ceilings(matrix, tmp_path) -> None:
    for rows, right in ((10, 20), (20, 40)):
        matrix.cell(f"tiny lora oracle limit={rows}", right, trains=True, deployable=False)
    results = saved(matrix, tmp_path / "s")
    rows = list(results.rows)
    for number, row in enumerate(rows):
        row.details["trained_rows"] = 10 * (number + 1)
        plan = matrix.plan()
    for cell in plan.cells:
        cell.config.update({axis: {"label": "alike"} for axis in ("model", "method", "context", "decoding")})
        cell.config["dataset"] = {"limit": {"train": cell.id}}
    assert curves(plan, rows, "exact_match", matrix.store) == []
    for row in rows:
        row.facts["deployable"] = True
    assert len(curves(plan, rows, "exact_match", matrix.store)) == 1, "the same cells, could they be deployed"


def test_44_people_are_not_asked_to_prefer_it(matrix, tmp_path) -> None:
    deployables(matrix)
    oracle(matrix)
    with pytest.raises(FtbenchError, match="--cells: tiny none oracle is a ceiling: it cannot be deployed"):
        read_systems(matrix.plan(), matrix.store, ["tiny lora", "tiny none oracle"], "test")


def test_the_plan_carries_it(matrix) -> None:
    cell = oracle(matrix)
    assert Cell.from_dict(json.loads(json.dumps(cell.as_dict()))).deployable is False
