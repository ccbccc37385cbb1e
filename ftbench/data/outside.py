"""Files made elsewhere (answers, references, a judge's verdicts), read by the readers of data sets.

Every command that takes such a file reads it here, so that the same bytes are the same rows for all of them. The ending
decides: ``.json`` (a list of objects, or an object a line), ``.jsonl``, ``.csv``, ``.tsv``, ``.parquet``, each also
with ``.gz``. Any other ending is plain text, one answer a line, where a command takes that, and else JSON lines.
Nothing is guessed: content that says otherwise than the name, and columns of which several may be meant, are refused.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftbench.core.errors import Problem, Refused, did_you_mean
from ftbench.data.findings import Findings
from ftbench.data.readers import FORMATS, Row, file_format, read_rows, read_text

LINES = "text"
"""The format of plain text, one answer a line."""
IDS = (("id",), ("example_id",))
PREDICTIONS = (
    ("output", "prediction", "predictions", "predicted", "hypothesis", "hyp", "response", "completion", "generated"),
    ("answer",),
    ("text",),
)
REFERENCES = (
    ("references", "reference", "ref", "target", "targets", "gold", "label"),
    ("answers", "answer"),
    ("text",),
)
"""Names of columns, the surest first; of two names that are equally sure none is taken."""
SHOWN = 5
_NAMED = {name for tiers in (IDS, PREDICTIONS, REFERENCES) for tier in tiers for name in tier}


@dataclass(frozen=True)
class Table:
    """The rows of one file.

    Attributes:
        shown: the file as the person named it, for messages.
        rows: in file order.
        plain: whether it is plain text: rows then have the one column ``text``.
    """

    shown: str
    rows: tuple[Row, ...]
    plain: bool

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(name for row in self.rows for name in row.values))

    def column(self, tiers: Sequence[Sequence[str]], what: str, named: str | None, option: str | None) -> str:
        """Returns the column that holds something.

        Args:
            tiers: names that it may have, the surest first.
            what: it holds, for messages.
            named: the column that the person named, or None.
            option: how to name it, or None where there is no option.

        Raises:
            Refused: when no column, or more than one, may be meant.
        """
        columns = self.columns
        if self.plain and named is not None:
            raise Refused([Problem(f"{option} {named}", f"{self.shown} is plain text", "Leave the option out")])
        if self.plain:
            return columns[0]
        if named is not None:
            if named not in columns:
                raise Refused(
                    [Problem(f"{option} {named}", f"{self.shown} has no such column", did_you_mean(named, columns))]
                )
            return named
        for tier in tiers:
            found = [name for name in columns if _normalized(name) in tier]
            if len(found) == 1:
                return found[0]
            if found:
                break
        known = ", ".join(name for tier in tiers for name in tier)
        why = (
            f"{', '.join(found)} may all hold {what}"
            if found
            else f"no column is named as one that holds {what} ({known})"
        )
        fix = f"Name it with {option}" if option else f"Call it {tiers[0][0]}, and no other so"
        raise Refused([Problem(self.shown, f"{why}; its columns are {_listed(columns)}", fix)])

    def ids(self, named: str | None = None, option: str | None = None) -> list[str] | None:
        """Returns the id of each row; None where the file has no column of ids.

        Raises:
            Refused: for rows without an id, and for ids that stand twice.
        """
        if self.plain or (
            named is None and not any(_normalized(name) in tier for name in self.columns for tier in IDS)
        ):
            return None
        column = self.column(IDS, "ids", named, option)
        found: list[str] = []
        problems: list[Problem] = []
        first: dict[str, str] = {}
        twice: dict[str, str] = {}
        for row in self.rows:
            value = row.values.get(column)
            if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
                empty = value is None or value == ""
                why = f"has no {column}" if empty else f"has an {column} that is neither text nor a whole number"
                problems.append(Problem(row.place, why, "Give each row its own"))
                continue
            name = str(value)
            if name in first:
                twice.setdefault(name, row.place)
            first.setdefault(name, row.place)
            found.append(name)
        if twice:
            name, place = next(iter(twice.items()))
            more = len(twice) - 1
            others = f", and so do{'es' * (more == 1)} {more} other id{'s' * (more > 1)}" if more else ""
            why = f"the id {name!r} stands twice (at {first[name]} too){others}"
            problems.append(Problem(place, why, "Give each row its own id"))
        refuse(self.shown, problems)
        return found


def read_table(path: Path, shown: str, kind: str | None = None, plain: bool = False) -> Table:
    """Reads a file.

    Args:
        path: the file.
        shown: its name in messages.
        kind: its format (``text``, ``json``, ``jsonl``, ...) where the person said it.
        plain: whether plain text is meant where neither name nor content says otherwise; JSON lines, else.

    Raises:
        Refused: for what cannot be read, holds no rows, or says another format than its name.
    """
    found = Findings()
    ending = f".{kind}" if kind not in (None, LINES) else file_format(path)
    if path.name.lower().removesuffix(".gz").endswith(".ndjson"):
        ending = ending or ".jsonl"
    if kind == LINES or (ending not in FORMATS and plain):
        text = read_text(path, shown, found)
        rows = [] if text is None else _lines(text, shown)
        if kind is None and (hidden := _hidden(text or "")) is not None:
            what, name = hidden
            fix = f"If so, name it {name}; if every line is an answer, say --format text"
            found.add(shown, f"reads as {what}, but its name does not say so", fix)
        table = Table(shown, tuple(rows), plain=True)
    else:
        ending = ".jsonl" if ending not in FORMATS else ending
        if ending == ".json":
            text = read_text(path, shown, Findings())
            ending = ".jsonl" if _object_a_line(text or "") and not _holds_rows(text or "") else ending
        table = Table(shown, tuple(read_rows(path, shown, found, kind=ending)), plain=False)
    refuse(shown, found.problems)
    if not table.rows:
        why = "holds no rows"
        raise Refused([Problem(shown, why, "Write one answer a line" if table.plain else "Write rows into it")])
    return table


def rows_of(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Returns place and values of each row of a file that is no plain text.

    Raises:
        Refused: as ``read_table``.
    """
    return [(row.place, row.values) for row in read_table(path, str(path)).rows]


def refuse(shown: str, problems: Sequence[Problem]) -> None:
    """Raises the first few problems of a file, and how many more there are; does nothing where there are none.

    Raises:
        Refused: with them.
    """
    if problems:
        more = len(problems) - SHOWN
        rest = [Problem(shown, f"{more} more rows cannot be used", "Correct them too")] if more > 0 else []
        raise Refused([*problems[:SHOWN], *rest])


def formats() -> tuple[str, ...]:
    """Returns the formats that a person may say a file has."""
    return (LINES, *(ending.removeprefix(".") for ending in FORMATS))


def _lines(text: str, shown: str) -> list[Row]:
    lines = text.split("\n")  # not splitlines(): a line separator inside a text is no end of an answer
    lines = lines[:-1] if lines[-1] == "" else lines
    return [
        Row(f"{shown}:{n}", {"text": line.removesuffix("\r")}, textual=True) for n, line in enumerate(lines, start=1)
    ]


def _hidden(text: str) -> tuple[str, str] | None:
    """Returns the format that plain text seems to have instead, and the ending that says so."""
    if _object_a_line(text):
        return "a JSON object a line", ".jsonl"
    if text.lstrip()[:1] in ("[", "{") and isinstance(_parsed(text), (list, dict)):
        return "one JSON document", ".json"
    head = text.partition("\n")[0].removesuffix("\r")
    for ending, mark in ((".csv", ","), (".tsv", "\t")):
        cells = [_normalized(cell) for cell in next(csv.reader([head], delimiter=mark), [])]
        if len(cells) > 1 and set(cells) <= _NAMED:
            return f"a table with the columns {_listed(cells)}", ending
    return None


def _object_a_line(text: str) -> bool:
    lines = [line for line in text.split("\n") if line.strip()]
    return bool(lines) and all(isinstance(_parsed(line), dict) for line in lines)


def _holds_rows(text: str) -> bool:
    """Returns whether text is one object with a list of objects in it, as data sets are published."""
    document = _parsed(text)
    lists = [value for value in document.values() if isinstance(value, list)] if isinstance(document, dict) else []
    return any(isinstance(item, dict) for value in lists for item in value)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _normalized(name: str) -> str:
    return "_".join(name.casefold().split())


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name if len(name) <= 40 else f"{name[:40]}..." for name in names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown or "none"
