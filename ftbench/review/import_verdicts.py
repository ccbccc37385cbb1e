"""``review import``: from files to ledger. Bad cells are named one by one, good ones kept; importing again changes
nothing.

A verdict that differs from the one that holds is a correction and is appended. Two files (or rows) of one import that
contradict each other are both named, and neither is taken. A value that was corrected before comes back only with
``--take-old``: far more often it is an old copy of a file than a change of mind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ftbench.review.answers import BadCell, clean, is_blank, read_answer
from ftbench.review.headers import find_columns, item_of
from ftbench.review.key import Key
from ftbench.review.ledger import People, Said, append, chains, hold, numbered, read_ledger
from ftbench.review.rubric import Rubric
from ftbench.review.tables import Table

WIDEST = 60
"""Most characters of a bad value that are shown."""


@dataclass
class Imported:
    """What an import did.

    Attributes:
        new, corrected, same, stale: how many verdicts (comments and dimensions counted singly).
        problems: lines that name what was not taken.
        warnings: lines on what was guessed.
        rows: rows with a known item.
    """

    new: int = 0
    corrected: int = 0
    same: int = 0
    stale: int = 0
    rows: int = 0
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def import_verdicts(sweep: Path, keys: Sequence[Key], tables: Sequence[Table], *, take_old: bool = False) -> Imported:
    """Reads tables into a sweep's ledger.

    Args:
        sweep: its folder.
        keys: of the sweep.
        tables: from ``ftbench.review.tables``.
        take_old: whether a value that was corrected before may come back.
    """
    done = Imported()
    read = [said for table in tables for said in _read(table, keys, done)]
    with hold(sweep):
        before = read_ledger(sweep)
        kept = _without_contradictions(before, read, done)
        have = chains(before + kept)
        held = {place: [one for one in lines if one.seq >= 0] for place, lines in have.items()}
        people, earlier = People(before + kept), People(before)
        new, replaced = [], []
        for one in kept:
            history = held[one.item, people.of(one), one.dimension]
            if history and history[-1].value == one.value:
                # the value stands already; a name that came with it is worth a line, or the rater would be unknown
                done.same += 1
                if earlier.knows(one):
                    continue
            elif history and any(line.value == one.value for line in history) and not take_old:
                done.stale += 1
                done.warnings.append(
                    f"{_at(one)}: {one.value!r} was corrected to {history[-1].value!r} on {history[-1].at}; that was"
                    " kept (--take-old takes the old one)"
                )
                continue
            elif history:
                done.corrected += 1
            else:
                done.new += 1
            new.append(one)
            replaced.append(history[-1].seq if history else None)
        if new:
            append(sweep, numbered(new, 1 + max((one.seq for one in before), default=-1), replaced))
    return done


def _read(table: Table, keys: Sequence[Key], done: Imported) -> Iterator[Said]:
    known = {item: key for key in keys for item in key.items}
    own = {known[item].batch for _, row in table.rows for cell in row if (item := item_of(cell, known)) is not None}
    mine = [key for key in keys if key.batch in own]
    if not mine:
        return
    done.warnings += [f"{table.place}: {note}" for note in table.notes]
    rubric = _joined(mine)
    columns = find_columns(table, rubric, known)
    done.warnings += [f"{table.place}: {warning}" for warning in columns.warnings]
    first = rubric.dimensions[0].name
    if first in columns.missing:
        asked = ", ".join(rubric.dimensions[0].allowed())
        done.problems.append(f"{table.place}: no column is {first} ({asked}). Give that column its name back")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    names = _names(table, columns.item, columns.rater, known)
    for number, row in table.rows:
        item = item_of(row[columns.item], known) if columns.item < len(row) else None
        cells = {name: row[place] if place < len(row) else None for name, place in columns.dimensions.items()}
        if item is None:
            if number != columns.header and any(not is_blank(cell) for cell in cells.values()) and not _is_head(cells):
                shown = _short(row[columns.item]) if columns.item < len(row) else "''"
                done.problems.append(
                    f"{table.place}, row {number}, column item: {shown} is no item of these sheets. Copy the id from"
                    " the sheet that was sent"
                )
            continue
        done.rows += 1
        key = known[item]
        for name, cell in cells.items():
            dimension = next((one for one in key.rubric.dimensions if one.name == name), None)
            if dimension is None:
                continue
            try:
                value = read_answer(dimension, cell)
            except BadCell as error:
                allowed = f"Allowed: {', '.join(dimension.allowed())}" if dimension.allowed() else "Write text"
                done.problems.append(
                    f"{table.place}, row {number} ({item}), column {name}: {_short(cell)} {error}. {allowed}"
                )
                continue
            if value is not None:
                sheet = key.items[item].rater
                name_given = names.get(number)
                yield Said.of(
                    key,
                    key.items[item],
                    name_given if name_given != sheet else None,
                    name,
                    value,
                    (table.file, table.sheet, number),
                    now,
                )


def _names(table: Table, item: int, rater: int | None, known: Mapping[str, Key]) -> dict[int, str]:
    """Returns row -> the rater's name; where one person put a name into some rows of a sheet, it stands for all of
    them.
    """
    if rater is None:
        return {}
    given: dict[tuple[str, str], set[str]] = {}
    rows: dict[int, tuple[tuple[str, str], str]] = {}
    for number, row in table.rows:
        found = item_of(row[item], known) if item < len(row) else None
        if found is None:
            continue
        sheet = (known[found].batch, known[found].items[found].rater)
        name = " ".join(clean(row[rater]).split()) if rater < len(row) and not is_blank(row[rater]) else sheet[1]
        rows[number] = (sheet, name)
        if name != sheet[1]:
            given.setdefault(sheet, set()).add(name)
    return {
        number: next(iter(given[sheet])) if len(given.get(sheet, ())) == 1 else name
        for number, (sheet, name) in rows.items()
    }


def _without_contradictions(before: Sequence[Said], read: Sequence[Said], done: Imported) -> list[Said]:
    """Returns one line per thing said; where the same person says two things of one item, the ledger alone can tell
    which came first.
    """
    people = People([*before, *read])
    found: dict[tuple[str, str, str], list[Said]] = {}
    for one in read:
        found.setdefault((one.item, people.of(one), one.dimension), []).append(one)
    kept = []
    for lines in found.values():
        values = {one.value for one in lines}
        if len(values) == 1:
            kept.append(lines[0])
            continue
        places = "; ".join(f"{one.value!r} in {_at(one)}" for one in lines[:4])
        fix = "Neither was taken; import one file after the other, newest last"
        done.problems.append(
            f"item {lines[0].item}, {lines[0].dimension}: {len(values)} different values: {places}. {fix}"
        )
    return kept


def _joined(keys: Sequence[Key]) -> Rubric:
    """Returns the rubric whose dimensions a table may hold: of several batches, all of theirs."""
    dimensions = {one.name: one for key in reversed(keys) for one in key.rubric.dimensions}
    first = keys[0].rubric
    ordered = [
        *first.dimensions,
        *(one for name, one in dimensions.items() if name not in {own.name for own in first.dimensions}),
    ]
    return Rubric(first.mode, first.title, first.instructions, tuple(ordered))


def _is_head(cells: Mapping[str, object]) -> bool:
    """Returns whether a row repeats the header, as sheets pasted together do."""
    return any(isinstance(cell, str) and cell.strip().casefold() == name for name, cell in cells.items())


def _at(one: Said) -> str:
    return f"{one.file}{f', sheet {one.page}' if one.page else ''}, row {one.row}"


def _short(cell: object) -> str:
    text = repr(cell) if isinstance(cell, str) else str(cell)
    return text if len(text) <= WIDEST else text[: WIDEST - 3] + "..."
