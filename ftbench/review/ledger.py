"""The ledger of verdicts: ``SWEEP/review/verdicts.jsonl``, one line for everything a rater ever said, never rewritten.

A line holds what was said (``item, sheet, name, dimension, value``), of what (``example, group, sides`` with the
digests of the texts, ``batch, split, repeat_of``), where it was read (``file, page, row``), when (``at``), its number
(``seq``) and the number of the line that it corrects (``replaces``). What holds now is the last line of each chain of
item, rater and dimension.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.review.key import FOLDER, Item, Key
from ftbench.store.lock import locked

FILE = "verdicts.jsonl"


@dataclass(frozen=True)
class Said:
    """One line of the ledger.

    Attributes:
        item, sheet: of the key; ``sheet`` is the rater that the sheet was made for.
        name: what the rater calls himself, None for the sheet's own name.
        dimension: what was judged.
        value: as the rubric spells it (``left``, ``4``, a comment).
        example, group, sides, batch, split, repeat_of: from the key; sides are dicts of ``cells`` and ``digest``, left
            first.
        file, page, row: where it was read.
        at: when it was read, UTC.
        seq: number of the line; -1 before it is written.
        replaces: the line that it corrects, or None.
    """

    item: str
    sheet: str
    name: str | None
    dimension: str
    value: str
    example: str
    group: str | None
    sides: tuple[dict[str, Any], ...]
    batch: str
    split: str
    repeat_of: str | None
    file: str
    page: str | None
    row: int
    at: str
    seq: int = -1
    replaces: int | None = None

    @classmethod
    def of(
        cls,
        key: Key,
        item: Item,
        name: str | None,
        dimension: str,
        value: str,
        place: tuple[str, str | None, int],
        at: str,
    ) -> Said:
        sides = tuple({"cells": list(side.cells), "digest": side.digest} for side in item.sides)
        return cls(
            item.item,
            item.rater,
            name,
            dimension,
            value,
            item.example,
            item.group,
            sides,
            key.batch,
            key.split,
            item.repeat_of,
            *place,
            at,
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def ledger_path(sweep: Path) -> Path:
    return sweep / FOLDER / FILE


def read_ledger(sweep: Path) -> list[Said]:
    """Reads all lines, oldest first; a last line that a kill cut short was never said.

    Raises:
        FtbenchError: for a damaged line before the last.
    """
    path = ledger_path(sweep)
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
            found.append(Said(**{**data, "sides": tuple(data["sides"])}))
        except (ValueError, TypeError, KeyError) as error:
            if number < len(lines) and any(rest.strip() for rest in lines[number:]) and not _torn(line):
                raise FtbenchError(
                    f"{path}:{number}: is damaged ({error}). Restore the file from a copy; nothing was written"
                ) from None
    return found


def append(sweep: Path, new: Sequence[Said]) -> None:
    """Adds lines at the end; whoever else imports at the same time waits."""
    path = ledger_path(sweep)
    with open(path, "a+b") as file:
        file.seek(0)
        content = file.read()
        start = b"\n" if content and not content.endswith(b"\n") else b""
        file.write(
            start
            + "".join(json.dumps(one.as_dict(), ensure_ascii=False) + "\n" for one in new).encode(
                "utf-8", "backslashreplace"
            )
        )


def hold(sweep: Path):
    """Holds the ledger for reading and appending."""
    return locked(sweep / FOLDER / "verdicts.lock", wait=True)


class People:
    """Who said what: one name in a sheet is that sheet's rater, also where it was left out; several names are several
    people.

    A line without a name that a named one took over (the same verdict, imported again with a name in it) is that
    person's.

    Args:
        said: lines of the ledger, and new ones.
    """

    def __init__(self, said: Iterable[Said]) -> None:
        self._names: dict[tuple[str, str], set[str]] = {}
        self._took_over: dict[int, str] = {}
        for one in said:
            if one.name is not None:
                self._names.setdefault((one.batch, one.sheet), set()).add(one.name)
                if one.replaces is not None:
                    self._took_over.setdefault(one.replaces, one.name)

    def of(self, one: Said) -> str:
        """Returns the rater of a line."""
        own = self._names.get((one.batch, one.sheet), set())
        if len(own) == 1:
            return next(iter(own))
        return one.name or self._took_over.get(one.seq) or one.sheet

    def knows(self, one: Said) -> bool:
        """Returns whether a line's name is known already, or it has none."""
        return one.name is None or one.name in self._names.get((one.batch, one.sheet), set())


def chains(said: Iterable[Said]) -> dict[tuple[str, str, str], list[Said]]:
    """Returns (item, rater, dimension) -> its lines, oldest first."""
    said = list(said)
    people = People(said)
    found: dict[tuple[str, str, str], list[Said]] = {}
    for one in said:
        found.setdefault((one.item, people.of(one), one.dimension), []).append(one)
    return found


def current(said: Iterable[Said]) -> Iterator[tuple[str, Said]]:
    """Yields rater and line for everything that holds now."""
    for (_, rater, _), lines in chains(said).items():
        yield rater, lines[-1]


def numbered(new: Sequence[Said], first: int, replaced: Sequence[int | None]) -> list[Said]:
    """Returns new lines with their numbers and what they correct."""
    return [
        replace(one, seq=first + offset, replaces=old)
        for offset, (one, old) in enumerate(zip(new, replaced, strict=True))
    ]


def _torn(line: str) -> bool:
    """Returns whether a line was cut short, as a kill does it, rather than changed."""
    return line.startswith("{") and not line.rstrip().endswith("}")
