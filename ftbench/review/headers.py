"""Which column holds what, after raters have moved, renamed and inserted columns.

Items are found by their ids, whatever the column is called. Other columns go by name, then by a name that is nearly it,
then by where the sheet had them; whatever is not by name is said.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ftbench.review.answers import BadCell, clean, is_blank, read_answer
from ftbench.review.rubric import PAIRWISE, TEXT, Rubric
from ftbench.review.tables import Table

_CONTINUED = re.compile(r"([a-z]+)\s*\(\d+\)")
ALIASES = {"rater": ("rater", "name", "your name", "reviewer", "annotator", "rater name")}
NEARLY = 0.75


@dataclass(frozen=True)
class Columns:
    """Places of columns, from 0.

    Attributes:
        item: where the ids are.
        rater: where raters' names are, or None.
        dimensions: dimension -> place.
        header: number of the header row, or None.
        warnings: what was guessed.
        missing: dimensions without a column.
    """

    item: int
    rater: int | None
    dimensions: dict[str, int]
    header: int | None
    warnings: tuple[str, ...]
    missing: tuple[str, ...]


def item_of(cell: Any, known: Collection[str]) -> str | None:
    """Returns the item that a cell names, None if it names none."""
    if not isinstance(cell, str):
        return None
    text = clean(cell).casefold()
    found = _CONTINUED.fullmatch(text)
    text = found[1] if found else text
    return text if text in known else None


def find_columns(table: Table, rubric: Rubric, known: Collection[str]) -> Columns | None:
    """Returns where things are; None for a table without a single item (an instruction page, another file)."""
    width = max((len(row) for _, row in table.rows), default=0)
    hits = [
        sum(item_of(row[place], known) is not None for _, row in table.rows if place < len(row))
        for place in range(width)
    ]
    if not any(hits):
        return None
    item = hits.index(max(hits))
    names = [dimension.name for dimension in rubric.dimensions]
    header, head = _header(table, item, known, ["rater", *names])
    warnings: list[str] = []
    taken = {item}
    rater = next((place for place, text in enumerate(head) if place not in taken and text in ALIASES["rater"]), None)
    if rater is not None:
        taken.add(rater)
    found: dict[str, int] = {}
    for name in names:
        places = [place for place, text in enumerate(head) if text == _plain(name) and place not in taken]
        if places:
            found[name] = places[0]
            taken.add(places[0])
        if len(places) > 1:
            warnings.append(f"column {name} stands there twice; the first one, {_letter(places[0])}, was read")
            taken.update(places)
    given = {"question", "reference", "left", "right", "answer", "rater", "item"}
    for name in [name for name in names if name not in found]:
        near = [
            (_nearness(text, name), place)
            for place, text in enumerate(head)
            if text and place not in taken and text not in given
        ]
        score, place = max(near, default=(0.0, 0))
        if score >= NEARLY:
            found[name] = place
            taken.add(place)
            warnings.append(f"column {_letter(place)} ({head[place]!r}) was read as {name}")
    first = 4 if rubric.mode != PAIRWISE else 5
    for index, name in enumerate(names):
        if name in found:
            continue
        for place in (first + index, first + 1 + index):  # with a reference everything stands one further to the right
            if place < width and place not in taken and _fits(table, place, rubric, name, header):
                found[name] = place
                taken.add(place)
                warnings.append(f"column {_letter(place)} was read as {name}, since it stands where the sheet had it")
                break
    return Columns(item, rater, found, header, tuple(warnings), tuple(name for name in names if name not in found))


def _header(table: Table, item: int, known: Collection[str], names: Sequence[str]) -> tuple[int | None, list[str]]:
    """Returns number and normalized names of the row that looks most like the header: before the first item if one is
    there.
    """
    best: tuple[int, int | None, list[str]] = (0, None, [])
    for number, row in table.rows:
        if item < len(row) and item_of(row[item], known):
            continue
        head = [_plain(cell) if isinstance(cell, str) else "" for cell in row]
        score = sum(
            any(text == _plain(name) or _nearness(text, name) >= NEARLY for text in head)
            for name in [*names, "item", "question", "left", "right", "answer"]
        )
        if score > best[0]:
            best = (score, number, head)
    return best[1], best[2]


def _fits(table: Table, place: int, rubric: Rubric, name: str, header: int | None) -> bool:
    """Returns whether a column holds values of a dimension, at least one of them; comments fit nowhere but under their
    name.
    """
    dimension = rubric.dimension(name)
    if dimension.kind == TEXT:
        return False
    good = 0
    for number, row in table.rows:
        if number == header or place >= len(row) or is_blank(row[place]):
            continue
        try:
            read_answer(dimension, row[place])
            good += 1
        except BadCell:
            good -= 1
    return good > 0


def _nearness(text: str, name: str) -> float:
    if not text:
        return 0.0
    plain = _plain(name)
    if len(plain) > 3 and (text.startswith(plain) or text.endswith(plain)):
        return 0.9
    return difflib.SequenceMatcher(None, text, plain).ratio()


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text).strip().casefold()


def _letter(place: int) -> str:
    """Returns the spreadsheet's name of a column."""
    text = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        text = chr(65 + rest) + text
    return text
