"""What a column of the tables of cells is: name, title, unit, how it reads, and which tables show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ftbench.analysis.rows import Row
from ftbench.text import numbers

TERMINAL, MARKDOWN, CSV, PAGE = TABLES = ("terminal", "markdown", "csv", "page")

READS: dict[str, Callable[[Any], str]] = {
    "": lambda value: f"{value:.4g}" if isinstance(value, float) else str(value),
    "usd": numbers.money,
    "seconds": numbers.duration,
    "milliseconds": numbers.milliseconds,
    "bytes": numbers.size,
    "share": numbers.share,
    "count": numbers.count,
}
"""Unit -> how a number of it reads."""


@dataclass(frozen=True)
class Shown:
    """One ranked cell, as the tables for people show it.

    Attributes:
        row: of the results.
        rank: a number, or a range for a tie.
        label: short name.
        cost: per 1,000 requests, in words.
        spent: on training, or in total where that is weighed.
        frontier: how it stands to the frontier.
    """

    row: Row
    rank: str
    label: str
    cost: str
    spent: str
    frontier: str = ""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: in files.
        meaning: one sentence, for ``columns`` of ``results.json``.
        title: in tables for people; the name where empty. Of ftbench's own, ``{unit}`` and ``{spent}`` are filled in.
        unit: of the value, one of ``READS``: how it reads for people. Files hold the value in full.
        value: makes the value from a row; None reads the fact of that name.
        text: what people read, where that is more than the value in its unit.
        tables: those of ``TABLES`` that show it; without any it stands in ``results.json`` alone.
        place: order in tables for people, lowest first; files keep the order of ``COLUMNS``.
        optional: left out of a table for people in which it is empty for every cell.
        own_words: title and text are words and numbers of ftbench alone, which need no escaping.
    """

    name: str
    meaning: str
    title: str = ""
    unit: str = ""
    value: Callable[[Row], Any] | None = None
    text: Callable[[Shown], str] | None = None
    tables: tuple[str, ...] = (CSV,)
    place: int = 60
    optional: bool = False
    own_words: bool = False

    def read(self, row: Row) -> Any:
        """Returns the value of a row, None for unknown."""
        return row.facts.get(self.name) if self.value is None else self.value(row)

    def shown(self, cell: Shown) -> str:
        """Returns what people read."""
        if self.text is not None:
            return self.text(cell)
        value = self.read(cell.row)
        return numbers.UNKNOWN if value is None else READS[self.unit](value)

    def head(self, basis: str | None = None, spent: str = "training") -> str:
        """Returns the title; ``basis`` is that of the costs, ``spent`` what ``Shown.spent`` is of."""
        unit = "$" if basis == "usd_per_1k_requests" else "time"
        return self.title.format(unit=unit, spent=spent) if self.own_words else self.title or self.name
