"""A sheet as XLSX: instructions and rubric first, drop-downs, everything but the answers locked, text that is only
text.

The file says nothing of when, where or by whom it was made, and every row looks the same but for its texts.
"""

from __future__ import annotations

import io
import math
from datetime import datetime

from ftbench.review.rubric import PREFERENCE, TEXT, Dimension
from ftbench.review.sheet import Sheet, how_to
from ftbench.text.csv import pieces

MOST_UNITS = 32_000
"""A cell holds 32,767 UTF-16 units."""

WIDTHS = {"item": 11, "rater": 10, "question": 38, "reference": 30, "left": 55, "right": 55, "answer": 80}
ITEMS = "Items"
_MADE = datetime(2000, 1, 1)
_POINTS_PER_LINE, _LEAST_POINTS, _MOST_POINTS = 15, 45, 405


def xlsx_bytes(sheet: Sheet) -> bytes:
    """Returns the file; the same sheet always gives the same bytes."""
    import xlsxwriter

    stream = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "use_zip64": False,
    }
    book = xlsxwriter.Workbook(stream, options)
    book.set_properties({"title": "", "author": "", "company": "", "comments": "", "created": _MADE})
    style = {"text_wrap": True, "valign": "top", "num_format": "@", "border": 1, "border_color": "#C8CCD4"}
    formats = {
        "title": book.add_format({"bold": True, "font_size": 16}),
        "plain": book.add_format({"text_wrap": True, "valign": "top"}),
        "bold": book.add_format({"bold": True, "valign": "top"}),
        "head": book.add_format(
            {
                "bold": True,
                "bg_color": "#E8EBF2",
                "border": 1,
                "border_color": "#C8CCD4",
                "text_wrap": True,
                "valign": "top",
            }
        ),
        "given": book.add_format(style),
        "asked": book.add_format({**style, "locked": False, "bg_color": "#FFFBE6"}),
        # numbers of a scale stay numbers for whoever types them
        "scale": book.add_format({**style, "locked": False, "bg_color": "#FFFBE6", "num_format": "0"}),
    }
    _instructions(book.add_worksheet("Instructions"), sheet, formats)
    _items(book.add_worksheet(ITEMS), sheet, formats)
    book.close()
    return stream.getvalue()


def _instructions(page, sheet: Sheet, formats) -> None:
    page.hide_gridlines(2)
    page.set_column(0, 0, 18)
    page.set_column(1, 1, 95)
    page.write_string(0, 0, sheet.rubric.title, formats["title"])
    row = 2
    for paragraph in sheet.rubric.instructions.splitlines():
        page.merge_range(row, 0, row, 1, "", formats["plain"])
        page.write_string(row, 0, paragraph, formats["plain"])
        page.set_row(row, _POINTS_PER_LINE * max(1, math.ceil(len(paragraph) / 110)))
        row += 1
    row += 1
    for name, text in how_to(sheet):
        page.write_string(row, 0, name, formats["bold"])
        page.write_string(row, 1, text, formats["plain"])
        page.set_row(row, _POINTS_PER_LINE * max(1, math.ceil(len(text) / 95)))
        row += 1
    last = (
        f"Fill in the yellow cells of the next page, '{ITEMS}'. A text too long for one cell goes on in the row below"
        " it. "
    )
    last += "Your name may replace the one in the column rater."
    page.merge_range(row + 1, 0, row + 1, 1, "", formats["plain"])
    page.write_string(row + 1, 0, last, formats["plain"])
    page.set_row(row + 1, 2 * _POINTS_PER_LINE)
    page.protect("", {"format_columns": True, "format_rows": True})


def _items(page, sheet: Sheet, formats) -> None:
    columns, given = sheet.columns(), sheet.given()
    for place, name in enumerate(columns):
        page.set_column(
            place,
            place,
            WIDTHS.get(name, 40 if place >= len(given) and sheet.rubric.dimension(name).kind == TEXT else 13),
        )
        page.write_string(0, place, name, formats["head"])
    row = 1
    for entry in sheet.entries:
        parts = [pieces(text, MOST_UNITS) for text in sheet.texts(entry)]
        for number in range(max(map(len, parts))):
            texts = [part[number] if number < len(part) else "" for part in parts]
            page.write_string(row, 0, entry.item if number == 0 else f"{entry.item} ({number + 1})", formats["given"])
            page.write_string(row, 1, sheet.rater, formats["asked"] if number == 0 else formats["given"])
            for place, text in enumerate(texts, start=2):
                page.write_string(row, place, text, formats["given"])
            for place, dimension in enumerate(sheet.rubric.dimensions, start=len(given)):
                if number:
                    page.write_blank(row, place, None, formats["given"])
                    continue
                page.write_blank(
                    row, place, None, formats["scale" if dimension.kind not in (TEXT, PREFERENCE) else "asked"]
                )
                _validate(page, row, place, dimension)
            page.set_row(row, _height(columns, texts))
            row += 1
    page.freeze_panes(1, 1)
    page.set_landscape()
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)
    page.protect("", {"format_columns": True, "format_rows": True, "select_locked_cells": True})


def _validate(page, row: int, place: int, dimension: Dimension) -> None:
    if not dimension.allowed():
        return
    values = (
        [int(value) for value in dimension.allowed()] if dimension.kind != PREFERENCE else list(dimension.allowed())
    )
    page.data_validation(
        row,
        place,
        row,
        place,
        {
            "validate": "list",
            "source": values,
            "input_title": dimension.name[:32],
            "input_message": dimension.help[:255],
            "error_title": "Not one of the values",
            "error_message": f"Take one of: {', '.join(dimension.allowed())}"[:255],
        },
    )


def _height(columns: list[str], texts: list[str]) -> int:
    lines = [
        sum(max(1, math.ceil(len(line) / WIDTHS[name])) for line in text.split("\n"))
        for name, text in zip(columns[2:], texts, strict=False)
    ]
    return min(max(_LEAST_POINTS, _POINTS_PER_LINE * max(lines)), _MOST_POINTS)
