"""Reports read what was written or say in one line that it is not: a damaged stage is never a number, a traceback or
"done".
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftbench.analysis.results import gather
from ftbench.cli.compare import main as compare
from ftbench.cli.main import main
from ftbench.core.errors import FtbenchError
from ftbench.core.example import Example, Turn
from ftbench.core.stage import RECORD
from ftbench.report.send.bundle import open_bundle, write_bundle
from ftbench.report.view.sweep import open_sweep
from ftbench.report.view.table import table
from ftbench.report.write import validation_score, write_results
from ftbench.store.store import Store
from tests.store.test_digests import edit, older

DAMAGE = {
    "scores deleted": ("score.test", "scores.json", None),
    "scores cut": ("score.test", "scores.json", b"{"),
    "statistics broken": ("score.test", "statistics.npz", b"no archive"),
    "outputs edited": ("generate.test", "outputs.jsonl", b'{"id": "row0"}\n'),
    "timings cut": ("generate.test", "timings.json", b"["),
}


@pytest.fixture(params=["digests", "an earlier version"])
def swept(request: pytest.FixtureRequest, matrix, tmp_path: Path):
    """A finished sweep of three cells: its folder, plan and outcomes; once with receipts of an earlier version."""
    asked = [
        Example(f"row{i}", (Turn("user", "?"),), None, ("It is red.",), None, None, {}, (), None, None).as_dict()
        for i in range(40)
    ]
    for label, right in (("best", 30), ("middle", 20), ("last", 5)):
        matrix.cell(label, right, validation=right, tested=asked)
    plan = matrix.plan()
    plan.write(tmp_path)
    write_results(plan, matrix.outcomes, tmp_path)
    if request.param != "digests":
        for key in list(matrix.store.keys()):
            older(matrix.store.folder(key))
            (matrix.store.folder(key) / RECORD).write_text("{}", encoding="utf-8")  # as every worker writes it
    return tmp_path, plan, matrix.outcomes, request.param == "digests"


def spoil(plan, role: str, name: str, content: bytes | None) -> Path:
    path = Store(plan.store).folder(plan.cells[0].stages[role]) / name
    if content is None:
        path.unlink()
    else:
        edit(path, content)
    return path


@pytest.mark.parametrize(("role", "name", "content"), DAMAGE.values(), ids=DAMAGE)
def test_42_a_damaged_cell_is_not_done_in_any_report(
    swept, role: str, name: str, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, plan, outcomes, digests = swept
    if not digests and name == "outputs.jsonl":
        pytest.skip("nothing says what the file was")
    spoil(plan, role, name, content)
    rows = {row.label: row for row in gather(plan, outcomes).rows}
    assert (rows["best"].done, rows["middle"].done, rows["last"].done) == (False, True, True)
    assert rows["best"].scores == {} and rows["best"].facts["reason"].startswith(
        f"{role} {plan.cells[0].stages[role][:12]} is damaged: {name}"
    )
    shown = table([open_sweep(folder)])
    assert [row.label for row in shown.undone()] == ["best"]
    assert [cell for family in shown.families for cell in family["cells"]] == [cell.id for cell in plan.cells[1:]]
    capsys.readouterr()
    assert main(["report", str(folder), "--markdown", "-", "--html", str(folder / "page.html")]) == 0
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "best counts as not done" in said.err and f"is damaged: {name}" in said.err
    assert "is damaged" in said.out and "is damaged" in (folder / "page.html").read_text(encoding="utf-8")
    assert main(["report", str(folder), "--bundle", str(folder / "b.zip")]) == 1
    assert "Repeat the sweep's command first" in capsys.readouterr().err
    assert compare([str(folder), "--metric", "exact_match"]) == 0
    said = capsys.readouterr()
    assert "best is left out: " in said.err and "middle" in said.out
    assert main(["explain", plan.cells[0].stages[role], "--sweep", str(folder)]) == 0
    assert f"damaged ({name}" in capsys.readouterr().out


def test_42_a_validation_score_is_read_only_from_what_was_written(swept) -> None:
    _, plan, _, _ = swept
    assert validation_score(plan, plan.cells[0], Store(plan.store)) == 0.75
    spoil(plan, "score.validation", "scores.json", b"{")
    assert validation_score(plan, plan.cells[0], Store(plan.store)) is None


def test_42_a_bundle_is_verified_when_it_is_opened(swept, tmp_path: Path) -> None:
    folder, plan, _, _ = swept
    write_bundle([open_sweep(folder)], tmp_path / "b.zip")
    (opened,) = open_bundle(tmp_path / "b.zip", tmp_path / "into")
    assert opened.damaged == {} and opened.sample(plan.cells[0].id) is not None
    outputs = opened.folder_of(plan.cells[0].id, "generate.test") / "outputs.jsonl"
    outputs.write_text(outputs.read_text(encoding="utf-8").replace("red", "RED"), encoding="utf-8")
    (opened,) = [
        open_sweep(
            tmp_path / "into" / "sweeps" / "0", trusted=False, moved=tmp_path / "into" / "sweeps" / "0" / "store"
        )
    ]
    assert list(opened.damaged) == [plan.cells[0].id]


def test_what_ships_is_not_taken_from_a_damaged_stage(matrix, tmp_path: Path) -> None:
    cell = matrix.cell("tuned", 10, trains=True)
    plan = matrix.plan()
    plan.write(tmp_path)
    edit(matrix.store.folder(cell.stages["generate.test"]) / "timings.json", json.dumps({}).encode())
    from ftbench.sweep.export import export

    with pytest.raises(FtbenchError, match=r"its stage generate\.test is damaged: timings\.json"):
        export(plan, matrix.store, cell, tmp_path / "out")
