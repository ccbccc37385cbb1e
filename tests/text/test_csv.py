"""No cell of a CSV or XLSX file is read as a formula, and numbers stay numbers."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ftbench
from ftbench.review.rubric import PAIRWISE, read_rubric
from ftbench.review.sheet import Entry, Sheet, shown
from ftbench.review.write_csv import csv_bytes
from ftbench.review.write_xlsx import xlsx_bytes
from ftbench.text.csv import FORMULA_STARTS, csv_text, field, pieces
from tests.text.test_terminal import ANYTHING

BEFORE = st.sampled_from(("", " ", "\n", "\t", "\r\n", "\u00a0", "\u3000", "\ufeff", "\u2028", "  \n"))
FORMULA = st.builds("{}{}{}".format, BEFORE, st.sampled_from(FORMULA_STARTS), ANYTHING)


def _is_formula(cell: str) -> bool:
    return cell.strip().startswith(FORMULA_STARTS) or cell.startswith(("\t", "\r"))


@given(ANYTHING | FORMULA)
def test_a_spreadsheet_runs_no_text(text: str) -> None:
    for quote_all in (False, True):
        written = csv_text([[text, "next"], ["", text]], quote_all=quote_all)
        one, other = csv.reader(io.StringIO(written, newline=""))
        assert one[1] == "next" and other[0] == "" and one[0] == other[1]
        assert not _is_formula(one[0])


@pytest.mark.parametrize(
    "text", [" =1+1", "\uff1d1+1", "\n=1+1", "=1", "+1", "-2+3", "@SUM(1)", "\t=1", "\u00a0=1", "-1.5"]
)
def test_what_spreadsheets_run_gets_an_apostrophe(text: str) -> None:
    assert field(text).startswith("'")


@given(st.floats() | st.integers() | st.booleans() | st.none())
def test_numbers_stay_numbers(value: float | None) -> None:
    ((cell, _),) = csv.reader(io.StringIO(csv_text([[value, "next"]])))
    if value is None:
        assert cell == ""
    elif not math.isfinite(value):
        assert not _is_formula(cell), "-inf would be a formula"
    elif isinstance(value, bool):
        assert cell == str(value)
    else:
        assert type(value)(cell) == value


@settings(max_examples=25, deadline=None)
@given(st.lists(ANYTHING | FORMULA, min_size=3, max_size=3))
def test_a_sheet_for_raters_holds_no_formula_in_either_form(texts: list[str]) -> None:
    question, left, right = map(shown, texts)
    sheet = Sheet("batch", "rater-1", read_rubric(PAIRWISE, None), (Entry("item", question, None, (left, right)),))
    book = openpyxl.load_workbook(io.BytesIO(xlsx_bytes(sheet)))
    cells = [cell for page in book.worksheets for row in page.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"} and not any(page._hyperlinks for page in book.worksheets)
    rows = csv.reader(io.StringIO(csv_bytes(sheet).decode("utf-8-sig"), newline=""))
    assert not any(_is_formula(cell) for row in rows for cell in row)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.integers(2, 20))
def test_pieces_lose_nothing(text: str, most: int) -> None:
    parts = pieces(text, most)
    assert "".join(parts) == text and all(len(part.encode("utf-16-le", "surrogatepass")) // 2 <= most for part in parts)


@pytest.mark.parametrize(
    ("sign", "owner"),
    [
        ("csv.writer", "text/csv.py"),
        ("csv.DictWriter", None),
        ("html.escape(", "text/html.py"),
        (".isprintable()", "text/terminal.py"),
        ('replace("|"', None),
    ],
)
def test_each_target_has_one_module_that_escapes_for_it(sign: str, owner: str | None) -> None:
    root = Path(ftbench.__file__).parent
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if sign in path.read_text(encoding="utf-8") and path.name != "secrets.py"  # looks for escaped secrets
    }
    assert found == ({owner} if owner else set())
