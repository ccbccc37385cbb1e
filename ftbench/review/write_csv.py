"""A sheet as CSV, the plain form: UTF-8 with a byte order mark, without which spreadsheets mangle every accent."""

from __future__ import annotations

from ftbench.review.sheet import Sheet, how_to
from ftbench.text.csv import csv_text


def csv_bytes(sheet: Sheet) -> bytes:
    """Returns the file."""
    blank = [""] * len(sheet.rubric.dimensions)
    rows = [[entry.item, sheet.rater, *sheet.texts(entry), *blank] for entry in sheet.entries]
    return csv_text([sheet.columns(), *rows], line_end="\r\n", quote_all=True).encode("utf-8-sig")


def instructions_text(sheet: Sheet) -> str:
    """Returns what goes beside the CSV files, which have no room for instructions."""
    asked = "".join(f"  {name}: {text}\n" for name, text in how_to(sheet))
    return (
        f"{sheet.rubric.title}\n\n{sheet.rubric.instructions}\n\nFill in the last columns of your file:\n{asked}\nLeave"
        " the column item as it is.\n"
    )
