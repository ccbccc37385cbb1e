"""Verdicts in: whatever people and spreadsheets do, good cells are kept, bad ones named, and nothing said is lost."""

from __future__ import annotations

import csv
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftbench.cli.main import main
from ftbench.core.files import write_jsonl
from ftbench.core.stage import VERSIONS, Stage
from ftbench.review.answers import BadCell, read_answer
from ftbench.review.ledger import current, ledger_path, read_ledger
from ftbench.review.rubric import PREFERENCE, SCALE, Dimension
from ftbench.review.tables import read_tables
from ftbench.review.take_in import take_in
from ftbench.review.write_html import SAVED
from tests.review.conftest import Sweep, conclusions, new_sweep, rows_of, truth, write_rows

TUNED = "0000000002"


def held(sweep: Sweep) -> dict[tuple[str, str], str]:
    return {(one.item, one.dimension): one.value for _, one in current(read_ledger(sweep.folder))}


def filled(sweep: Sweep, path: Path, share: float = 1.0) -> list[dict[str, str]]:
    rows = rows_of(path)
    for row in rows[: round(share * len(rows))]:
        row["overall"] = truth(sweep.key, row["item"], TUNED)
    return rows


def test_round_trip_of_csv(sweep: Sweep, tmp_path: Path) -> None:
    out = sweep.make(tmp_path / "out", "--n", "30")
    files = [write_rows(out / f"rater-{n}.csv", filled(sweep, out / f"rater-{n}.csv")) for n in (1, 2, 3)]
    assert sweep.take(*files) == 0
    found = conclusions(sweep)
    assert {one["system"]: one["win_rate"]["value"] for one in found["ranking"]}[TUNED] > 0.75
    assert found["repeats"]["value"] == 1.0 and found["counts"]["raters"] == 3
    firsts = [item for item in sweep.key.items.values() if item.repeat_of is None]
    assert found["counts"]["verdicts"] == len(firsts), "repeats are no further verdicts"
    board = (sweep.folder / "review" / "verdicts.jsonl").read_text(encoding="utf-8")
    assert len(board.splitlines()) == len(sweep.key.items)


def test_round_trip_of_xlsx_as_a_careless_person_fills_it(
    sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Columns moved and renamed, a title row put in, rows sorted, capitals, spaces and quotes, a number as text, one
    cell wrong.
    """
    out = sweep.make(tmp_path / "out", "--n", "12", "--dimensions", "style,comment", "--raters", "1")
    book = openpyxl.load_workbook(out / "rater-1.xlsx")
    page = book["Items"]
    head, *rows = [list(row) for row in page.iter_rows(values_only=True)]
    said = {row[0]: truth(sweep.key, row[0], TUNED) for row in rows}
    spelt = {"left": " LEFT ", "right": "\u201cRight\u201d", "tie": "Tie.", "both bad": "both_bad"}
    for index, row in enumerate(rows):
        row[5] = spelt[said[row[0]]] if index else "lefft"
        row[7] = "=SUM(A1)" if index == 1 else None
    bad = rows[0][0]
    head[5] = "Overall verdict"
    order = [5, 3, 0, 4, 2, 1, 7, 6]
    rows.sort(key=lambda row: str(row[3]))
    changed = openpyxl.Workbook()
    changed.active.title = "My verdicts"
    changed.active.append(["Filled in by me"])
    for row in (head, *rows):
        changed.active.append([None if row[place] is None else str(row[place]) for place in order])
    for row in changed.active.iter_rows():
        for cell in row:
            cell.data_type = "s" if cell.value is not None else cell.data_type
    changed.save(tmp_path / "mine.xlsx")
    assert sweep.take(tmp_path / "mine.xlsx") == 1
    shown = capsys.readouterr()
    line = next(line for line in shown.err.splitlines() if "'lefft'" in line)
    assert (
        "mine.xlsx, sheet My verdicts, row " in line
        and f"({bad}), column overall" in line
        and line.endswith("Allowed: left, right, tie, both bad")
    )
    assert "was read as overall" in shown.out
    assert held(sweep) == {(item, "overall"): value for item, value in said.items() if item != bad} | {
        (rows_with_comment(changed), "comment"): "=SUM(A1)"
    }


def rows_with_comment(book: openpyxl.Workbook) -> str:
    return next(row[2] for row in book.active.iter_rows(values_only=True) if row[6] == "=SUM(A1)")


def test_round_trip_of_what_the_form_saves(sweep: Sweep, tmp_path: Path) -> None:
    sweep.make(tmp_path / "out", "--n", "10", "--raters", "1")
    key = sweep.key
    answers = {item: {"overall": truth(key, item, TUNED), "comment": "ok"} for item in key.items}
    path = tmp_path / "rater-1-verdicts.json"
    path.write_text(
        json.dumps({"format": SAVED, "batch": key.batch, "rater": "rater-1", "name": "Anna", "answers": answers}),
        encoding="utf-8",
    )
    assert sweep.take(path) == 0
    assert {name for (_, name) in held(sweep)} == {"overall", "comment"} and len(held(sweep)) == 2 * len(key.items)
    assert {rater for rater, _ in current(read_ledger(sweep.folder))} == {"Anna"}


def test_importing_twice_changes_nothing_and_a_correction_keeps_its_history(
    sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = sweep.make(tmp_path / "out", "--n", "10", "--raters", "1")
    rows = filled(sweep, out / "rater-1.csv")
    old = write_rows(tmp_path / "old.csv", rows)
    assert sweep.take(old) == 0
    before = ledger_path(sweep.folder).read_bytes()
    assert sweep.take(old, old) == 0 and ledger_path(sweep.folder).read_bytes() == before
    rows[0]["overall"] = "tie" if rows[0]["overall"] != "tie" else "left"
    new = write_rows(tmp_path / "new.csv", rows)
    assert sweep.take(new) == 0
    after = ledger_path(sweep.folder).read_bytes()
    assert after.startswith(before), "nothing is ever rewritten"
    (line,) = [json.loads(line) for line in after[len(before) :].splitlines()]
    assert (
        line["value"] == rows[0]["overall"]
        and json.loads(before.splitlines()[line["replaces"]])["item"] == line["item"]
    )
    assert held(sweep)[rows[0]["item"], "overall"] == rows[0]["overall"]
    assert sweep.take(old) == 0 and ledger_path(sweep.folder).read_bytes() == after, (
        "an old copy of the file takes nothing back"
    )
    assert "was corrected to" in capsys.readouterr().out
    assert sweep.take(old, words=("--take-old",)) == 0 and ledger_path(sweep.folder).read_bytes() != after


def test_two_raters_in_one_file(sweep: Sweep, tmp_path: Path) -> None:
    out = sweep.make(tmp_path / "out", "--n", "12", "--raters", "2", "--overlap", "1")
    both = filled(sweep, out / "rater-1.csv") + [
        {**dict.fromkeys(rows_of(out / "rater-1.csv")[0]), **{k: k for k in rows_of(out / "rater-1.csv")[0]}}
    ]
    both += filled(sweep, out / "rater-2.csv")
    assert sweep.take(write_rows(tmp_path / "both.csv", both)) == 0
    assert conclusions(sweep)["counts"]["raters"] == 2 and len(held(sweep)) == len(sweep.key.items)


def test_two_people_with_one_sheet_are_two_raters_and_one_name_is_one(sweep: Sweep, tmp_path: Path) -> None:
    out = sweep.make(tmp_path / "out", "--n", "8", "--raters", "1")
    rows = filled(sweep, out / "rater-1.csv")
    assert sweep.take(write_rows(tmp_path / "unnamed.csv", rows)) == 0
    rows[0]["rater"] = "Anna"  # her name in the first row alone stands for the sheet
    assert sweep.take(write_rows(tmp_path / "anna.csv", rows)) == 0
    assert conclusions(sweep)["counts"]["raters"] == 1
    assert sweep.take(write_rows(tmp_path / "bob.csv", [{**row, "rater": "Bob"} for row in rows])) == 0
    found = conclusions(sweep)
    assert found["counts"]["raters"] == 2 and found["agreement"]["fleiss"]["units"] == 8


def test_contradictions_in_one_import_are_named_and_not_taken(
    sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = sweep.make(tmp_path / "out", "--n", "6", "--raters", "1")
    rows = filled(sweep, out / "rater-1.csv")
    rows[0]["overall"] = "left"
    one = write_rows(tmp_path / "one.csv", rows)
    other = write_rows(tmp_path / "other.csv", [{**rows[0], "overall": "right"}, *rows[1:]])
    assert sweep.take(one, other) == 1
    assert "2 different values" in capsys.readouterr().err
    assert (rows[0]["item"], "overall") not in held(sweep) and len(held(sweep)) == len(rows) - 1


def test_a_regenerated_output_does_not_inherit_verdicts(sweep: Sweep, tmp_path: Path) -> None:
    out = sweep.make(tmp_path / "out", "--n", "24", "--raters", "1", "--repeat-share", "0")
    assert sweep.take(write_rows(tmp_path / "all.csv", filled(sweep, out / "rater-1.csv"))) == 0
    before = conclusions(sweep)
    item = next(
        item for item in sweep.key.items.values() if TUNED in [cell for side in item.sides for cell in side.cells]
    )
    was = sweep.answers["tuned"]["test"][item.example]
    sweep.rewrite("tuned", item.example, "Now it says something else.")
    assert sweep.take(tmp_path / "all.csv") == 0
    after = conclusions(sweep)
    concerned = [
        one
        for one in sweep.key.items.values()
        if one.example == item.example and TUNED in [cell for side in one.sides for cell in side.cells]
    ]
    assert after["counts"]["verdicts"] == before["counts"]["verdicts"] - len(concerned)
    assert any("is not what the system says now" in note for note in after["notes"])
    sweep.rewrite("tuned", item.example, was)
    assert sweep.take(tmp_path / "all.csv") == 0
    assert conclusions(sweep)["counts"]["verdicts"] == before["counts"]["verdicts"], (
        "the verdict belongs to the text, and the text is back"
    )


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_order_duplication_or_partial_filling_changes_a_verdict_that_is_there(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        _disturbed(Path(folder), data)


def _disturbed(folder: Path, data: st.DataObject) -> None:
    sweep = new_sweep(folder, n=8, systems=("base", "tuned"))
    out = sweep.make(folder / "out", "--n", "6", "--raters", "2", "--overlap", "0.5")
    rows = [row for n in (1, 2) for row in filled(sweep, out / f"rater-{n}.csv")]
    wanted = {}
    for number in range(data.draw(st.integers(1, 3))):
        picked = [
            dict(rows[place])
            for place in data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=2 * len(rows)))
        ]
        for row in picked:
            if data.draw(st.booleans()):
                row["overall"] = ""
            else:
                wanted[row["item"], "overall"] = row["overall"]
        columns = data.draw(st.permutations(list(rows[0])))
        encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
        path = write_rows(
            folder / f"{number}.csv",
            [{name: row[name] for name in columns} for row in picked],
            encoding=encoding,
            delimiter=data.draw(st.sampled_from(",;\t")),
        )
        done = take_in(sweep.folder, [sweep.key], read_tables(path))
        assert not done.problems
    assert held(sweep) == wanted


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (4, "4"),
        (4.0, "4"),
        ("4", "4"),
        (" 4,0 ", "4"),
        ("400%", "4"),
        ("4/5", "4"),
        ("4 - good", "4"),
        ("\u20184\u2019", "4"),
        ("4 out of 5", "4"),
        ("", None),
        (None, None),
        ("\u00a0", None),
    ],
)
def test_what_spreadsheets_make_of_a_rating(cell: object, value: str | None) -> None:
    assert read_answer(Dimension("overall", SCALE, "", 1, 5), cell) == value


def test_dates_booleans_and_fractions_are_no_ratings() -> None:
    from datetime import datetime

    scale = Dimension("overall", SCALE, "", 1, 5)
    assert read_answer(scale, datetime(1900, 1, 4)) == "4", "a number under a date format is still that number"
    for cell in (
        datetime(2026, 5, 4),
        "2026-05-04",
        "04-May",
        True,
        4.5,
        "4.5",
        6,
        "0",
        "NaN",
        "#N/A",
        float("nan"),
        "five",
        "4/10",
        "-4",
    ):
        with pytest.raises(BadCell):
            read_answer(scale, cell)
    for cell in ("b", "none", "left or right", 1, True, datetime(2026, 5, 4), "=A1"):
        with pytest.raises(BadCell):
            read_answer(Dimension("overall", PREFERENCE, ""), cell)


def test_files_that_are_no_sheets_are_one_line_each(
    sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = sweep.make(tmp_path / "out", "--n", "5", "--raters", "1")
    good = write_rows(tmp_path / "good.csv", filled(sweep, out / "rater-1.csv"))
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", b"0" * 30_000_000)
    entity = tmp_path / "entity.xlsx"
    with zipfile.ZipFile(out / "rater-1.xlsx") as source, zipfile.ZipFile(entity, "w") as archive:
        for name in source.namelist():
            text = source.read(name)
            archive.writestr(
                name,
                (
                    text.replace(b"?>\n", b'?>\n<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>\n', 1)
                    if name.endswith("sheet2.xml")
                    else text
                ),
            )
    files = {
        "bomb.xlsx": "would unpack to",
        "entity.xlsx": "declares XML entities",
        "old.xls": "old .xls",
        "page.html": "Open it, press Save to file",
        "torn.xlsx": "damaged",
        "other.json": "is no file that the form saved",
        "binary.csv": "neither a table nor text",
        "empty.csv": "holds no item",
        "gone.csv": "cannot be read",
    }
    (tmp_path / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100)
    (tmp_path / "page.html").write_bytes((out / "rater-1.html").read_bytes())
    (tmp_path / "torn.xlsx").write_bytes((out / "rater-1.xlsx").read_bytes()[:500])
    (tmp_path / "other.json").write_text('{"a": 1}')
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "empty.csv").write_text("")
    capsys.readouterr()
    assert sweep.take(good, *(tmp_path / name for name in files)) == 1
    error = capsys.readouterr().err
    for name, said in files.items():
        assert any(name in line and said in line for line in error.splitlines()), f"{name}: {error}"
    assert "Traceback" not in error and len(held(sweep)) == len(rows_of(good)), "the good file is kept"


def test_csv_with_fields_beyond_the_usual_limit(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([["item", "left"], ["a", "x" * 300_000]])
    (table,) = read_tables(path)
    assert len(table.rows[1][1][1]) == 300_000


def test_a_line_cut_short_by_a_kill_is_left_behind(sweep: Sweep, tmp_path: Path) -> None:
    out = sweep.make(tmp_path / "out", "--n", "6", "--raters", "1")
    path = write_rows(tmp_path / "a.csv", filled(sweep, out / "rater-1.csv"))
    assert sweep.take(path) == 0
    ledger = ledger_path(sweep.folder)
    whole = held(sweep)
    ledger.write_bytes(ledger.read_bytes()[:-40])
    assert len(held(sweep)) == len(whole) - 1
    assert sweep.take(path) == 0 and held(sweep) == whole


def test_a_header_that_is_gone_is_guessed_by_place_and_said(
    sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = sweep.make(tmp_path / "out", "--n", "6", "--raters", "1", "--dimensions", "")
    rows = filled(sweep, out / "rater-1.csv")
    with open(tmp_path / "bare.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([list(row.values()) for row in rows])
    assert sweep.take(tmp_path / "bare.csv") == 0
    assert "since it stands where the sheet had it" in capsys.readouterr().out and len(held(sweep)) == len(rows)


def test_rating_mode_shares_a_rating_among_systems_that_said_the_same(sweep: Sweep, tmp_path: Path) -> None:
    out = sweep.make(tmp_path / "out", "--n", "24", "--raters", "1", "--mode", "rating", "--repeat-share", "0")
    rows = rows_of(out / "rater-1.csv")
    for row in rows:
        row["overall"] = "5" if "red" in row["answer"] else "2"
    assert sweep.take(write_rows(out / "rater-1.csv", rows)) == 0
    found = conclusions(sweep)
    assert [one["n"] for one in found["ratings"]["overall"]["means"]] == [24, 24, 24]
    assert found["counts"]["verdicts"] == 3 * 24 and found["metrics"][0]["accuracy"]["value"] == 1.0


def test_one_system_alone_can_be_rated_and_every_example_drawn_is(
    sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "review",
        "make",
        str(sweep.folder),
        "--mode",
        "rating",
        "--raters",
        "1",
        "--repeat-share",
        "0",
        "--n",
        "7",
    ]
    assert main([*words, "--cells", "tuned", "--out", str(tmp_path / "one")]) == 0
    out = capsys.readouterr().out
    assert (
        len(rows_of(tmp_path / "one" / "rater-1.csv")) == 7
        and "win rate" not in out
        and "answers that read the same" not in out
    )
    assert main([*words, "--cells", "base,tuned,other", "--out", str(tmp_path / "three")]) == 0
    assert len({row["question"] for row in rows_of(tmp_path / "three" / "rater-1.csv")}) == 7, (
        "answers that read the same are rated too, not drawn on top"
    )


def test_the_judges_of_a_sweep_are_held_against_people(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a judge stage writes it: systems are generate stages, the first shown is system_a, an unreadable reply has no
    choice.
    """
    out = sweep.make(tmp_path / "out", "--n", "24", "--raters", "1", "--repeat-share", "0")
    rows = filled(sweep, out / "rater-1.csv")
    plan = sweep.write()
    base, tuned = (cell.stages["generate.test"] for cell in plan.cells[:2])
    said = [
        {
            "example_id": example.id,
            "system_a": one,
            "system_b": other,
            "choice": "A" if one == tuned else "B",
            "order": order,
        }
        for example in sweep.examples["test"]
        for order, (one, other) in enumerate(((tuned, base), (base, tuned)))
    ]
    said += [{**said[0], "choice": None}, {**said[0], "system_b": "references"}]
    monkeypatch.setitem(VERSIONS, "judge", 1)
    stage = Stage("judge", {"metric": "m"}, {"generate": tuned}, {"split": "test"}, None)
    with sweep.store.begin(stage.key, "judge") as attempt:
        write_jsonl(attempt.folder / "verdicts.jsonl", said)
        attempt.publish(replace(sweep.store.receipt(tuned), key=stage.key, kind="judge"))
    replace(plan, stages={**plan.stages, stage.key: stage}).write(sweep.folder)
    assert sweep.take(write_rows(out / "rater-1.csv", rows)) == 0
    (judge,) = conclusions(sweep)["judges"]
    assert (
        judge["accuracy"]["value"] == 1.0
        and judge["consistent_over_orders"]["value"] == 1.0
        and judge["position"]["value"] == 0.5
    )
    assert judge["verdicts"] == 48 and 0 < judge["n"] <= 8
