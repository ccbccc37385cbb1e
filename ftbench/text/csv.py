"""Files for spreadsheets: no cell of them is read as a formula, and numbers stay numbers.

Text that a spreadsheet would run gets an apostrophe before it, as OWASP advises.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

from ftbench.text.terminal import visible

FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What spreadsheets take for the start of a formula, the full-width forms included."""


def field(value: Any) -> Any:
    """Returns a value for one cell: numbers as they are, unknown empty, and visible text that is not a formula."""
    if value is None:
        return ""
    if isinstance(value, (int, float)) and math.isfinite(value):
        return value
    text = visible(value)
    acts = text.lstrip().startswith(FORMULA_STARTS) or str(value).startswith(("\t", "\r"))
    return f"'{text}" if acts else text


def csv_text(rows: Iterable[Sequence[Any]], *, line_end: str = "\n", quote_all: bool = False) -> str:
    """Returns rows, the head first, as CSV (RFC 4180) with numbers in full; every cell passes ``field``.

    Args:
        rows: values of any type.
        line_end: what a row ends in.
        quote_all: put every cell in quotes, so that no row looks different for what its texts hold.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator=line_end, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL)
    writer.writerows([field(value) for value in row] for row in rows)
    return stream.getvalue()


def pieces(text: str, most: int) -> list[str]:
    """Returns the text cut into parts of at most ``most`` UTF-16 units, as spreadsheets count, at line ends or spaces
    where there are any.
    """
    found = []
    while _units(text) > most:
        end = _fitting(text, most)
        cut = max(text.rfind("\n", end // 2, end), text.rfind(" ", end // 2, end)) + 1 or end
        found.append(text[:cut])
        text = text[cut:]
    return [*found, text]


def _fitting(text: str, most: int) -> int:
    """Returns how many characters fit into so many UTF-16 units."""
    units = 0
    for index, character in enumerate(text):
        units += 2 if ord(character) > 0xFFFF else 1
        if units > most:
            return index
    return len(text)


def _units(text: str) -> int:
    return len(text) + sum(ord(character) > 0xFFFF for character in text)
