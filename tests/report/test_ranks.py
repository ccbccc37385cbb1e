"""One sweep, one rank per cell: terminal, files and pages say the same of each cell and each approach."""

from __future__ import annotations

import csv
import html as escapes
import io
import json
import re
from pathlib import Path

import pytest

from ftbench.report.leaderboard import markdown
from ftbench.report.send.page import html
from ftbench.report.send.texts import csv_text, markdown_text
from ftbench.report.terminal import render
from ftbench.report.view.decision import decisions
from ftbench.report.view.sweep import open_sweep
from ftbench.report.view.table import table
from ftbench.report.write import write_results
from tests.report.test_app import app  # noqa: F401

DRAWN = re.compile(r'<span class="ft-place">([^<]*)</span><span><span class="ft-name">([^<]*)</span>')
RANK = r"(\d+(?:[-–]\d+)?|-)"
APPROACH = re.compile(rf'<td>{RANK}</td><td class="ft-label"><span class="ft-way">([^<]*)<')


@pytest.fixture
def swept(matrix):
    """Two configurations of lora over two seeds, one chosen on validation; two of rag, none chosen; a base; oracle."""
    for rank, right, validation in ((4, 38, 20), (8, 37, 30)):
        for seed in (0, 1):
            label, more = f"lora rank={rank} seed={seed}", {"seed": seed, "validation": validation}
            matrix.cell(label, right - seed, trains=True, approach="lora", values={"method.rank": rank}, **more)
            alike = {axis: {"label": rank} for axis in ("model", "method", "context", "dataset", "decoding")}
            matrix.cells[-1].config.update(alike)
    for k, right in ((2, 33), (4, 17)):
        matrix.cell(f"rag k={k}", right, approach="rag", values={"context.k": k})
    matrix.cell("none", 3, approach="none", validation=3)
    matrix.cell("oracle", 40, approach="oracle", validation=40, deployable=False)
    return matrix


def saved(matrix, folder: Path):
    plan = matrix.plan()
    plan.write(folder)
    return write_results(plan, matrix.outcomes, folder), open_sweep(folder)


def plain(rank: str) -> str:
    return "" if rank in ("-", "\\-") else rank.replace("–", "-")


def table_of(text: str, second: str) -> dict[str, str]:
    """Returns name -> rank of the Markdown table whose second column is headed so."""
    found: dict[str, str] = {}
    here = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| rank"):
            here = cells[1] == second
        elif here and line.startswith("| ") and not line.startswith("| ---"):
            found[cells[1].replace("\\", "")] = plain(cells[0])
        else:
            here = here and line.startswith("|")
    return found


def blocks(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Returns name -> rank of approaches and of cells on the terminal: columns stand at least two spaces apart."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    starts = [index for index, line in enumerate(lines) if line[0] == "rank"]
    found = []
    for start in starts:
        rows = []
        for line in lines[start + 1 :]:
            if not re.fullmatch(RANK, line[0]):
                break
            rows.append((line[1], plain(line[0])))
        found.append(dict(rows))
    return found[0], found[1]


def test_every_place_tells_the_same_rank_of_every_cell_and_approach(swept, tmp_path, request) -> None:
    results, sweep = saved(swept, tmp_path / "s")
    data = json.loads((tmp_path / "s" / "results.json").read_text(encoding="utf-8"))
    wanted = {cell["label"]: cell["rank"] for cell in data["cells"]}
    assert set(wanted) == {cell.label for cell in swept.cells} and wanted["oracle"] == ""
    assert wanted["none"] == "7" and wanted["rag k=4"] == "6", "of seven that can be deployed; both far from the rest"
    ranked = {label: rank for label, rank in wanted.items() if rank}
    assert len(ranked) == 7

    for path in ("results.csv", None):
        text = (tmp_path / "s" / path).read_text(encoding="utf-8") if path else csv_text([sweep])
        assert {row["label"]: row["rank"] for row in csv.DictReader(io.StringIO(text))} == wanted, path
    ways, cells = blocks(render(results, 300))
    assert cells == ranked
    assert table_of(markdown(results), "cell") == ranked
    assert table_of(markdown_text([sweep]), "cell") == ranked
    page = html([sweep]).partition('<div class="ft-metric ft-other-metric"')[0]
    assert {escapes.unescape(label): plain(rank) for rank, label in DRAWN.findall(page)} == ranked

    with open(tmp_path / "s" / "approaches.csv", encoding="utf-8", newline="") as file:
        own = {row["label"]: row["rank"] for row in csv.DictReader(file)}
    assert own == {approach["label"]: approach["rank"] for approach in data["approaches"]} and own["oracle"] == ""
    choices = {label: rank for label, rank in own.items() if label != "oracle"}
    assert choices == {"lora": "1-2", "none": "2-3", "rag": ""}, "rag could take any place once one of it is chosen"
    assert ways == table_of(markdown(results), "approach") == table_of(markdown_text([sweep]), "approach") == choices

    assert {name: plain(rank) for rank, name in APPROACH.findall(page)} == choices

    pytest.importorskip("streamlit.testing.v1", reason="needs the extra report (streamlit)")
    at = request.getfixturevalue("app")(tmp_path / "s")
    assert not at.exception
    shown = "".join(str(element.proto.body) for element in at.get("html"))
    assert {escapes.unescape(label): plain(rank) for rank, label in DRAWN.findall(shown)} == ranked


def test_no_cell_has_the_rank_of_its_approach_and_no_approach_is_dropped(matrix, tmp_path) -> None:
    """Without validation scores nothing is chosen of two configurations; the winner keeps its row, the rest its
    ranks.
    """
    for k, right in ((2, 38), (4, 20)):
        matrix.cell(f"lora few_shot k={k}", right, trains=True, approach="lora few_shot", values={"context.k": k})
        matrix.cell(f"none few_shot k={k}", right - 15, approach="none few_shot", values={"context.k": k})
    matrix.cell("lora zero_shot", 4, trains=True, approach="lora zero_shot")
    matrix.cell("none zero_shot", 3, approach="none zero_shot")
    results, sweep = saved(matrix, tmp_path / "s")
    (one,) = decisions(table([sweep]))
    ranks = {line.row.label: plain(line.rank) for line in one.cells}
    assert ranks == {row.label: results.rank_text(row.id) for row in results.rows} and ranks["lora few_shot k=2"] == "1"
    told = "Choose lora few_shot k=2 (one of 2 configurations, not chosen on validation)"
    assert one.headline.sentence.startswith(told)
    ways = {way.label: (plain(way.rank), way.chosen) for way in one.approaches}
    assert ways == {
        "lora zero_shot": ("1-4", "-"),
        "none zero_shot": ("1-4", "-"),
        "lora few_shot": ("", "none of 2"),
        "none few_shot": ("", "none of 2"),
    }
    assert blocks(render(results, 300))[0] == {way.label: plain(way.rank) for way in one.approaches}
    said = "lora few_shot: nothing chosen: 2 configurations and no validation score"
    assert said in markdown(results).replace("\\", "")
    page = html([sweep])
    assert page.count(">not chosen<") >= 8, "each configuration is named so, among the approaches and at its cell"
    assert "not chosen" in markdown_text([sweep])
