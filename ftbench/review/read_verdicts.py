"""``review stats FILE``: verdicts from anybody's CSV or XLSX. Bad rows are named, good ones used.

Columns ``example_id, system_a, system_b, rater, choice`` (``a|b|tie|both_bad``), or ``example_id, system, rater,
rating``. Also read where they are there: ``dimension``, ``group``, ``presented_left`` (``a``, ``b`` or a system's name)
or ``order`` (``ab``, ``ba``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ftbench.core.errors import FtbenchError, did_you_mean
from ftbench.review.answers import clean, is_blank
from ftbench.review.evidence import BOTH_BAD, OVERALL, TIE, A, B, Evidence, Rating, Verdict, turned
from ftbench.review.tables import Table, read_tables

PAIRS = ("example_id", "system_a", "system_b", "rater", "choice")
RATINGS = ("example_id", "system", "rater", "rating")
EXTRA = ("dimension", "group", "presented_left", "order")
_CHOICES = {"a": A, "b": B, "tie": TIE, "both bad": BOTH_BAD, "bothbad": BOTH_BAD}


def read_verdicts(path: Path) -> Evidence:
    """Reads a file of verdicts.

    Raises:
        FtbenchError: for a file that is no table, lacks a column, or holds no good row.
    """
    tables = [table for table in read_tables(path) if table.rows]
    if not tables:
        raise FtbenchError(f"{path}: is empty. It needs the columns {', '.join(PAIRS)}")
    evidence = Evidence({})
    seen: set[tuple[str, ...]] = set()
    for table in tables:
        number, head = table.rows[0]
        columns = {_column(cell): place for place, cell in reversed(list(enumerate(head))) if cell is not None}
        wanted = PAIRS if {"system_a", "system_b", "choice"} & set(columns) or "rating" not in columns else RATINGS
        missing = [name for name in wanted if name not in columns]
        if missing:
            if len(tables) > 1 and len(missing) == len(wanted):
                continue
            hint = did_you_mean(missing[0], columns)
            raise FtbenchError(
                f"{table.place}, row {number}: has no column {', '.join(missing)}. It needs {', '.join(PAIRS)}, or"
                f" {', '.join(RATINGS)}. {hint}"
            )
        _rows(table, columns, evidence, seen, pairs=wanted is PAIRS)
    if not evidence.verdicts and not evidence.ratings:
        first = f"; first: {evidence.problems[0]}" if evidence.problems else ""
        raise FtbenchError(f"{path}: holds no row that can be used{first}")
    dimensions = list(dict.fromkeys(one.dimension for one in (*evidence.verdicts, *evidence.ratings)))
    evidence.overall = OVERALL if OVERALL in dimensions else dimensions[0]
    if len(dimensions) > 1 and OVERALL not in dimensions:
        evidence.notes.append(f"no dimension is called {OVERALL}: {dimensions[0]}, the first, was taken to decide")
    evidence.counts = {"rows_bad": len(evidence.problems)}
    return evidence


def _rows(
    table: Table, columns: Mapping[str, int], evidence: Evidence, seen: set[tuple[str, ...]], *, pairs: bool
) -> None:
    for number, row in table.rows[1:]:

        def cell(name: str, row: tuple[Any, ...] = row) -> Any:
            place = columns.get(name)
            return row[place] if place is not None and place < len(row) else None

        if all(is_blank(value) for value in row):
            continue
        problem = _pair(cell, evidence, seen) if pairs else _rating(cell, evidence, seen)
        if problem:
            evidence.problems.append(f"{table.place}, row {number}: {problem}")


def _pair(cell: Callable[[str], Any], evidence: Evidence, seen: set[tuple[str, ...]]) -> str | None:
    """Adds a verdict; returns what is wrong with the row."""
    example, one, other, rater = (clean(cell(name)) if not is_blank(cell(name)) else "" for name in PAIRS[:4])
    blank = next((name for name, text in zip(PAIRS, (example, one, other, rater), strict=False) if not text), None)
    if blank is not None:
        return f"column {blank}: is empty. Give every row {', '.join(PAIRS)}"
    if one == other:
        return f"column system_b: {other!r} is also system_a. A system is compared with another one"
    said = "" if is_blank(cell("choice")) else re.sub(r"[\s_\-]+", " ", clean(cell("choice"))).casefold()
    if said not in _CHOICES:
        return (
            f"column choice: {'is empty' if not said else repr(clean(cell('choice'))) + ' is none of them'}. Allowed:"
            " a, b, tie, both_bad"
        )
    left = _left(cell, one, other)
    if left == "?":
        name = "presented_left" if not is_blank(cell("presented_left")) else "order"
        return (
            f"column {name}: {clean(cell(name))!r} names no side. Allowed:"
            f" {'a, b or a system' if name == 'presented_left' else 'ab, ba'}"
        )
    for system in (one, other):
        evidence.systems.setdefault(system, system)
    order = list(evidence.systems)
    choice = _CHOICES[said]
    if order.index(one) > order.index(other):
        one, other, choice, left = other, one, turned(choice), turned(left) if left else None
    dimension = _dimension(cell)
    place = (example, one, other, rater, dimension)
    evidence.verdicts.append(
        Verdict(example, _cluster(cell, example), one, other, rater, choice, left, dimension, place in seen)
    )
    seen.add(place)
    return None


def _rating(cell: Callable[[str], Any], evidence: Evidence, seen: set[tuple[str, ...]]) -> str | None:
    example, system, rater = (clean(cell(name)) if not is_blank(cell(name)) else "" for name in RATINGS[:3])
    blank = next((name for name, text in zip(RATINGS, (example, system, rater), strict=False) if not text), None)
    if blank is not None:
        return f"column {blank}: is empty. Give every row {', '.join(RATINGS)}"
    try:
        value = float(str(cell("rating")).strip().replace(",", "."))
    except ValueError:
        value = float("nan")
    if isinstance(cell("rating"), bool) or not abs(value) < float("inf"):
        return f"column rating: {cell('rating')!r} is no number. Allowed: any number, more is better"
    evidence.systems.setdefault(system, system)
    dimension = _dimension(cell)
    place = (example, system, rater, dimension)
    evidence.ratings.append(Rating(example, _cluster(cell, example), system, rater, value, dimension, place in seen))
    seen.add(place)
    return None


def _left(cell: Callable[[str], Any], one: str, other: str) -> str | None:
    """Returns which system stood on the left, ``?`` for a word that says nothing."""
    if not is_blank(cell("presented_left")):
        said = clean(cell("presented_left"))
        return {one: A, other: B}.get(said) or {"a": A, "b": B, "system_a": A, "system_b": B}.get(said.casefold(), "?")
    if not is_blank(cell("order")):
        return {"ab": A, "ba": B}.get(re.sub(r"[^ab]", "", clean(cell("order")).casefold()), "?")
    return None


def _dimension(cell: Callable[[str], Any]) -> str:
    return OVERALL if is_blank(cell("dimension")) else clean(cell("dimension"))


def _cluster(cell: Callable[[str], Any], example: str) -> str:
    return example if is_blank(cell("group")) else f"group {clean(cell('group'))}"


def _column(cell: Any) -> str:
    return re.sub(r"[\W_]+", "_", clean(cell).casefold()).strip("_")
