"""What a cell says, after all that people and spreadsheets do to it."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

from ftbench.review.rubric import PREFERENCE, TEXT, Dimension

_SAID = {
    "left": ("left", "l", "left answer", "left better", "left is better", "answer left"),
    "right": ("right", "r", "right answer", "right better", "right is better", "answer right"),
    "tie": ("tie", "t", "tied", "equal", "equally good", "same", "draw", "both good"),
    "both bad": ("both bad", "bothbad", "both are bad", "neither is good"),
}
_PREFERENCES = {word: value for value, words in _SAID.items() for word in words}
_QUOTES = "\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a"
_NUMBER = re.compile(r"(\d+)(?:[.,]0+)?")
_PERCENT = re.compile(r"(\d+)00(?:[.,]0+)?\s*%")
_OUT_OF = re.compile(r"(\d+)\s*(?:/|of|out of)\s*(\d+)")
_LABELLED = re.compile(
    r"(\d+)(?:\s*[:=)]|\s)\s*[-\u2013\u2014]?\s*(?!(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))[^\W\d].*",
    re.DOTALL | re.IGNORECASE,
)


class BadCell(ValueError):
    """A cell that holds something else; the message says why."""


def is_blank(cell: Any) -> bool:
    """Returns whether nothing was said."""
    return cell is None or (isinstance(cell, str) and not clean(cell))


def clean(cell: Any) -> str:
    """Returns a cell as text without white space, quotes and marks around it."""
    return str(cell).replace("\u00a0", " ").replace("\ufeff", "").strip().strip(_QUOTES).strip()


def read_answer(dimension: Dimension, cell: Any) -> str | None:
    """Returns the value of a cell as the rubric spells it, None for a blank one.

    Raises:
        BadCell: for anything that is not plainly one of the allowed values.
    """
    if is_blank(cell):
        return None
    if dimension.kind == TEXT:
        return cell.isoformat() if isinstance(cell, (date, datetime)) else str(cell).replace("\r\n", "\n").strip()
    if isinstance(cell, bool):
        raise BadCell("is a truth value")
    if dimension.kind == PREFERENCE:
        said = re.sub(r"[\s_\-]+", " ", clean(cell)).strip(" .!,;").casefold()
        if said not in _PREFERENCES:
            raise BadCell(
                "is a date; a spreadsheet changed what was typed"
                if isinstance(cell, (date, datetime))
                else "is none of them"
            )
        return _PREFERENCES[said]
    number = _rating(dimension, cell)
    if not dimension.low <= number <= dimension.high:
        raise BadCell("is off the scale")
    return str(number)


def _rating(dimension: Dimension, cell: Any) -> int:
    if isinstance(cell, (date, datetime)):
        # a number under a date format comes as a day of January 1900; any other date was made from something like 4/5
        if cell.year == 1900 and cell.month == 1:
            return cell.day
        raise BadCell("is a date; a spreadsheet changed what was typed")
    if isinstance(cell, (int, float)):
        if cell != cell or cell in (float("inf"), float("-inf")) or cell != int(cell):
            raise BadCell("is no whole number")
        return int(cell)
    text = clean(cell)
    if found := _NUMBER.fullmatch(text) or _PERCENT.fullmatch(text):
        return int(found[1])
    if found := _OUT_OF.fullmatch(text):
        if int(found[2]) != dimension.high:
            raise BadCell(f"counts out of {found[2]}, or is a date")
        return int(found[1])
    if found := _LABELLED.fullmatch(text):
        return int(found[1])
    raise BadCell("is no whole number")
