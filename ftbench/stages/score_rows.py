"""Lays the answers of one file beside the references of another, for ``ftbench score``.

Both are read by ``ftbench.data.outside``. Where both have ids, rows are joined by them: an id that is missing or stands
twice is refused by name. Else rows are joined by their order, and both files must have as many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ftbench.core.errors import FtbenchError, Problem, Refused
from ftbench.data.outside import PREDICTIONS, REFERENCES, Table, read_table, refuse
from ftbench.data.values import Unusable, as_list
from ftbench.models.recorded import answers_of

T, U = TypeVar("T"), TypeVar("U")
Rows = list[dict[str, Any]]
OPTIONS = {"prediction": "--prediction-column", "reference": "--reference-column", "id": "--id-column"}
NOTHING = {"output": "", "finish": "error"}


@dataclass(frozen=True)
class Columns:
    """Columns that the person named, None for each that is found by its name."""

    prediction: str | None = None
    reference: str | None = None
    id: str | None = None


@dataclass(frozen=True)
class _Side:
    """One file as it is used: its ids, or None, and the column that counts."""

    table: Table
    ids: list[str] | None
    column: str

    @property
    def shown(self) -> str:
        return self.table.shown


def read_rows(
    predictions: Path,
    references: Sequence[Path],
    columns: Columns,
    kind: str | None = None,
    *,
    allow_missing: bool = False,
) -> tuple[Rows, list[str]]:
    """Returns rows as in ``outputs.jsonl``, one per row of references, and notes on how they were joined.

    Args:
        predictions: file of answers.
        references: one file or several; each gives every row its references.
        columns: that were named.
        kind: format of the files, where it was said.
        allow_missing: whether references without an answer count as failed.

    Raises:
        FtbenchError: when a file cannot be read, or they do not belong together.
    """
    tables = _each([predictions, *references], lambda path: read_table(path, str(path), kind, plain=True))
    if columns.id is not None and not any(columns.id in table.columns for table in tables):
        raise FtbenchError(f"{OPTIONS['id']} {columns.id}: no file has such a column")
    given, *wanted = _each(list(enumerate(tables)), lambda one: _side(one[1], columns, wanted=one[0] > 0))
    texts = _each(wanted, _references)
    notes = []
    if given.ids is not None and all(one.ids is not None for one in wanted):
        keys = names = list(wanted[0].ids or ())
        places = [{name: place for place, name in enumerate(one.ids or ())} for one in wanted]
        answers = answers_of(given.table, given.ids, given.column)
        _check_ids(given, wanted, allow_missing)
    else:
        _check_lengths(given, wanted)
        keys = [str(number) for number in range(len(given.table.rows))]
        places = [{key: place for place, key in enumerate(keys)}] * len(wanted)
        answers = answers_of(given.table, keys, given.column)
        known = next((one.ids for one in (*wanted, given) if one.ids is not None), None)
        names = known or [f"line {number}" for number in range(1, len(keys) + 1)]
        if not all(table.plain for table in tables):
            without = [one.shown for one in (given, *wanted) if one.ids is None]
            notes.append(f"rows are joined by their order: no column of ids in {', '.join(without)}")
    rows = []
    for key, name in zip(keys, names, strict=True):
        answer = answers.get(key, NOTHING)
        at = [place[key] for place in places]
        group = next((found for one, place in zip(wanted, at, strict=True) if (found := _group(one, place))), None)
        rows.append(
            {
                "id": name,
                "output": answer["output"],
                "finish": answer["finish"],
                "references": [text for own, place in zip(texts, at, strict=True) for text in own[place]],
                "group": group,
                "slices": {},
            }
        )
    return rows, notes


def _each(things: Sequence[T], make: Callable[[T], U]) -> list[U]:
    """Returns what is made of each; raises what is wrong with any of them together."""
    made, problems = [], []
    for thing in things:
        try:
            made.append(make(thing))
        except Refused as refused:
            problems += refused.problems
    if problems:
        raise Refused(problems)
    return made


def _side(table: Table, columns: Columns, *, wanted: bool) -> _Side:
    if wanted:
        column = table.column(REFERENCES, "references", columns.reference, OPTIONS["reference"])
    else:
        column = table.column(PREDICTIONS, "answers", columns.prediction, OPTIONS["prediction"])
    return _Side(table, table.ids(columns.id if columns.id in table.columns else None, OPTIONS["id"]), column)


def _references(side: _Side) -> list[list[str]]:
    """Returns the texts of each row."""
    texts: list[list[str]] = []
    problems: list[Problem] = []
    for row in side.table.rows:
        value = row.values.get(side.column)
        try:
            texts.append([value] if side.table.plain else _texts(value, row.textual))
        except Unusable as error:
            fix = 'Write text, or a list of texts such as ["...", "..."]'
            problems.append(Problem(row.place, f"{side.column} {error}", fix))
    refuse(side.shown, problems)
    return texts


def _group(side: _Side, place: int) -> str | None:
    group = side.table.rows[place].values.get("group")
    return None if group in (None, "") else str(group)


def _texts(value: Any, textual: bool) -> list[str]:
    items = as_list(value, textual) if textual else [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not items:
        raise Unusable("holds no reference")
    if not all(isinstance(item, str) for item in items):
        raise Unusable("holds a reference that is no text")
    return items


def _check_lengths(given: _Side, wanted: Sequence[_Side]) -> None:
    """Raises where rows cannot be joined by their order.

    Raises:
        FtbenchError: with both numbers of rows.
    """
    for one in wanted:
        unit = "lines" if one.table.plain and given.table.plain else "rows"
        if len(one.table.rows) != len(given.table.rows):
            why = f"{one.shown} has {len(one.table.rows)} {unit} and {given.shown} has {len(given.table.rows)} {unit}"
            raise FtbenchError(f"{why}. Give one reference to each answer in the same order, or ids in both files")


def _check_ids(given: _Side, wanted: Sequence[_Side], allow_missing: bool) -> None:
    """Raises where an id is missing on either side.

    Raises:
        FtbenchError: with the first of them and how many there are.
    """
    keys, answered = wanted[0].ids or [], given.ids or []
    known = set(keys)
    for one in wanted[1:]:
        odd = sorted(known ^ set(one.ids or ()))
        if odd:
            why = f"{_count(odd)} in only one of {wanted[0].shown} and {one.shown}, the first is {odd[0]!r}"
            raise FtbenchError(f"{why}. Name the same examples in both")
    if not known & set(answered):
        raise FtbenchError(f"{given.shown}: no id is one of {wanted[0].shown}. Both files must name the same examples")
    extra = [name for name in answered if name not in known]
    if extra:
        why = f"{given.shown}: {_count(extra)} not in {wanted[0].shown}, the first is {extra[0]!r}"
        raise FtbenchError(f"{why}. Take {'it' if len(extra) == 1 else 'them'} out")
    given_ids = set(answered)
    absent = [name for name in keys if name not in given_ids]
    if absent and not allow_missing:
        why = f"{len(absent)} of {len(keys)} ids have no prediction in {given.shown}, the first is {absent[0]!r}"
        raise FtbenchError(f"{why}. Add them, or count them as failed with --allow-missing")


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} id{'s are' if len(names) > 1 else ' is'}"
