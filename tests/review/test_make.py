"""Sheets out: deterministic, inert, complete, and with nothing that lies about what was drawn."""

from __future__ import annotations

import math
import re
import stat
from collections import Counter
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from ftbench.cli.main import main
from ftbench.review.sample import stratified_order
from ftbench.review.sheet import EMPTY, shown
from tests.review.conftest import Sweep, new_sweep, rows_of


def test_the_same_words_make_the_same_bytes(sweep: Sweep, tmp_path: Path) -> None:
    one, other = sweep.make(tmp_path / "one", "--n", "12"), sweep.make(tmp_path / "other", "--n", "12")
    assert {path.name: path.read_bytes() for path in one.iterdir()} == {
        path.name: path.read_bytes() for path in other.iterdir()
    }
    assert len({path.name for path in one.iterdir()}) == 10
    third = sweep.make(tmp_path / "third", "--n", "12", "--seed", "1")
    assert (third / "rater-1.csv").read_bytes() != (one / "rater-1.csv").read_bytes()


def test_everybody_gets_his_share(sweep: Sweep, tmp_path: Path) -> None:
    sweep.make(tmp_path / "out", "--n", "20", "--overlap", "0.3", "--repeat-share", "0.2")
    key = sweep.key
    firsts = [item for item in key.items.values() if item.repeat_of is None]
    seen = Counter((item.example, frozenset(cell for side in item.sides for cell in side.cells)) for item in firsts)
    assert len(seen) == 20 and sorted(seen.values()) == [1] * 14 + [3] * 6
    for rater in ("rater-1", "rater-2", "rater-3"):
        own = [item for item in key.items.values() if item.rater == rater]
        repeats = [item for item in own if item.repeat_of is not None]
        assert len(repeats) == math.ceil((len(own) - len(repeats)) / 5)
        order = [row["item"] for row in rows_of(tmp_path / "out" / f"{rater}.csv")]
        for item in repeats:
            before = key.items[item.repeat_of]
            assert item.sides == before.sides[::-1] and item.example == before.example, (
                "a repeat is the same pair, swapped"
            )
            assert order.index(item.item) > order.index(before.item) + 1
    assert len({frozenset(pair) for _, pair in seen}) == 3, "every pair of systems is shown"


def test_identical_answers_cost_nobody_time_and_count_as_ties(
    sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    sweep.make(tmp_path / "out", "--n", "1000")
    assert "count as ties" in capsys.readouterr().out
    key = sweep.key
    alike = {one["example"] for one in key.identical}
    assert alike == {"exa-t0", "exa-t6", "exa-t12", "exa-t18"} and len(key.identical) == 12
    assert not alike & {item.example for item in key.items.values()}


def test_the_key_stays_and_is_its_owners_alone(sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = sweep.make(tmp_path / "out")
    (path,) = (sweep.folder / "review" / "keys").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not {file.name for file in out.iterdir()} & {path.name}
    assert (
        main(["review", "make", str(sweep.folder), "--cells", "base,tuned", "--out", str(sweep.folder / "sheets")]) == 1
    )
    assert "lies inside the sweep" in capsys.readouterr().err


def test_a_filled_sheet_is_never_overwritten(sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = sweep.make(tmp_path / "out", "--n", "5")
    (out / "rater-2.csv").write_text("my verdicts", encoding="utf-8")
    assert (
        main(["review", "make", str(sweep.folder), "--cells", "base,tuned,other", "--out", str(out), "--n", "5"]) == 1
    )
    assert "nothing was overwritten" in capsys.readouterr().err
    assert (out / "rater-2.csv").read_text(encoding="utf-8") == "my verdicts"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cells", "base"), "needs 2 or more"),
        (("--cells", "base,tuend"), "Did you mean tuned?"),
        (("--cells", "base,base"), "named twice"),
        (("--cells", "base,tuned", "--n", "0"), "--n 0: is below 1"),
        (("--cells", "base,tuned", "--overlap", "2"), "--overlap 2.0: is not between 0 and 1"),
        (("--cells", "base,tuned", "--stratify", "kidn"), "slice of these examples (kind)"),
        (("--cells", "base,tuned", "--raters", "a,../b"), "makes no file name of its own"),
        (("--cells", "base,tuned", "--dimensions", "stlye"), "Did you mean style?"),
    ],
)
def test_a_wrong_word_is_one_line(
    sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture, words: tuple[str, ...], said: str
) -> None:
    assert main(["review", "make", str(sweep.folder), "--out", str(tmp_path / "out"), *words]) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_cells_over_different_examples_are_refused(sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    plan = sweep.write()
    sweep.examples["test"] = sweep.examples["test"][:-1]
    other = sweep.write()
    from dataclasses import replace

    cells = (plan.cells[0], replace(other.cells[1], id="00000000ff"))
    replace(plan, cells=cells, stages={**plan.stages, **other.stages}).write(sweep.folder)
    assert main(["review", "make", str(sweep.folder), "--cells", "base,tuned", "--out", str(tmp_path / "out")]) == 1
    assert "answered different examples" in capsys.readouterr().err


def test_stratified_beginnings_hold_every_stratum_in_proportion() -> None:
    labels = ["a"] * 60 + ["b"] * 30 + ["c"] * 10
    order = stratified_order(labels, np.random.default_rng(0))
    assert sorted(order) == list(range(100))
    for size in (10, 20, 50):
        counts = Counter(labels[place] for place in order[:size])
        assert (
            abs(counts["a"] - 0.6 * size) <= 2
            and abs(counts["b"] - 0.3 * size) <= 2
            and abs(counts["c"] - 0.1 * size) <= 1
        )


def test_disagreement_draws_where_the_metric_differs_first(sweep: Sweep, tmp_path: Path) -> None:
    sweep.make(tmp_path / "out", "--n", "10", "--stratify", "disagreement", "--raters", "1")
    # exact match differs only where one of the two is right, which is every pair but those of two wrong ones
    for item in sweep.key.items.values():
        texts = {sweep.answers[sweep.key.systems[side.cells[0]]]["test"][item.example] for side in item.sides}
        assert len(texts) == 2 and any("red" in text for text in texts)
    assert not sweep.key.identical


HOSTILE = {
    "formula": '=HYPERLINK("http://evil","x")',
    "script": "</script><script>alert(1)</script><img src=x onerror=alert(1)>",
    "control": "a\x00b\x07c\x1b[31m\x7f",
    "bidi": "abc\u202edcba\u2066",
    "long": "word " * 8_000 + "\U0001f600" * 5_000,
    "empty": "  \n ",
    "escape": "_x0041_ and _x000D_",
    "surrogate": "a\ud800b",
    "url": "https://example.org/" + "a" * 3_000,
}


def test_model_text_is_inert_and_whole_in_every_form(tmp_path: Path) -> None:
    sweep = new_sweep(tmp_path, systems=("plain", "hostile"))
    names = list(HOSTILE)
    for index, example in enumerate(sweep.examples["test"]):
        # a lone surrogate cannot be stored as UTF-8; it is spelt out where one comes from elsewhere
        sweep.answers["hostile"]["test"][example.id] = (
            HOSTILE[names[index % len(names)]].encode("utf-8", "replace").decode("utf-8")
        )
    sweep.write()
    out = sweep.make(tmp_path / "out", "--raters", "1", "--repeat-share", "0")
    key = sweep.key
    book = openpyxl.load_workbook(out / "rater-1.xlsx")
    assert book.sheetnames == ["Instructions", "Items"]
    page = book["Items"]
    assert page.protection.sheet and all(cell.data_type in ("s", "n") for row in page.iter_rows() for cell in row), (
        "nothing is a formula"
    )
    assert not page._hyperlinks
    parts: dict[str, dict[str, str]] = {}
    for row in page.iter_rows(min_row=2, values_only=True):
        item = re.sub(r" \(\d+\)", "", row[0])
        for name, text in zip(("left", "right"), row[3:5], strict=True):
            assert len((text or "").encode("utf-16-le")) // 2 <= 32_767
            parts.setdefault(item, {"left": "", "right": ""})[name] += text or ""
    csv_rows = {row["item"]: row for row in rows_of(out / "rater-1.csv")}
    for item, sides in parts.items():
        for place, name in enumerate(("left", "right")):
            system = key.systems[key.items[item].sides[place].cells[0]]
            wanted = shown(sweep.answers[system]["test"][key.items[item].example])
            assert sides[name] == wanted
            assert csv_rows[item][name] in (wanted, f"'{wanted}")
            assert not csv_rows[item][name].startswith(("=", "+", "-", "@"))
    page_text = (out / "rater-1.html").read_text(encoding="utf-8")
    assert page_text.count("<script") == 2 and "<img" not in page_text and "onerror" in page_text
    assert (
        "default-src 'none'" in page_text
        and "unsafe-inline" not in page_text
        and "http://" not in re.sub(r'<script type="application/json".*?</script>', "", page_text, flags=re.S)
    )
    assert EMPTY in page_text


def test_a_rubric_of_ones_own(sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    rubric = tmp_path / "mine.yaml"
    rubric.write_text(
        "title: T\ninstructions: I\ndimensions:\n - {name: overall, kind: rating, low: 0, high: 9, help: h}\n - {name:"
        " tone, kind: rating, help: t}\n",
        encoding="utf-8",
    )
    out = sweep.make(
        tmp_path / "out", "--mode", "rating", "--rubric", str(rubric), "--raters", "anna,bob", "--n", "6", "--reference"
    )
    assert list(rows_of(out / "anna.csv")[0]) == ["item", "rater", "question", "reference", "answer", "overall", "tone"]
    rubric.write_text(
        "title: T\ninstructions: I\ndimensions:\n - {name: overall, kind: rating, low: 0, high: 99}\n", encoding="utf-8"
    )
    capsys.readouterr()
    assert (
        main(
            [
                "review",
                "make",
                str(sweep.folder),
                "--cells",
                "base,tuned",
                "--mode",
                "rating",
                "--rubric",
                str(rubric),
                "--out",
                str(tmp_path / "x"),
            ]
        )
        == 1
    )
    assert "a scale goes from low to high" in capsys.readouterr().err


def test_the_question_is_shown_and_never_the_prompt_of_a_system(sweep: Sweep, tmp_path: Path) -> None:
    out = sweep.make(tmp_path / "out")
    for path in out.iterdir():
        assert b"secret prompt" not in path.read_bytes()
    assert all(re.fullmatch(r"What colour is thing \d+\?", row["question"]) for row in rows_of(out / "rater-1.csv"))
