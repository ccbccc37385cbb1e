"""Columns of a user's own: ``columns=[my_columns.words]`` names ``Column`` objects by their dotted paths (docs/own.md).

Their values are worked out when a run ends and stand in ``results.json``, so that reports and bundles import nothing.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ftbench.analysis.column import READS, TABLES, Column
from ftbench.analysis.columns import COLUMNS
from ftbench.analysis.rows import Row
from ftbench.core.errors import FtbenchError
from ftbench.text.secrets import scrub

DESCRIBED = ("name", "meaning", "title", "unit")


def load_columns(paths: Sequence[str]) -> list[Column]:
    """Returns the columns that a user named by dotted paths.

    Raises:
        FtbenchError: for what is no such path, no column, or named like another column.
    """
    found: list[Column] = []
    for path in paths:
        module, _, name = path.rpartition(".")
        try:
            column = vars(importlib.import_module(module))[name]
        except (ImportError, KeyError, ValueError) as error:
            raise FtbenchError(f"columns: {path!r} cannot be imported ({error}). PYTHONPATH must reach it") from error
        if not isinstance(column, Column) or column.unit not in READS or not set(column.tables) <= set(TABLES):
            raise FtbenchError(
                f"columns: {path!r} is no Column (ftbench.analysis.column) with one of the units"
                f" {', '.join(filter(None, READS))} and some of the tables {', '.join(TABLES)}"
            )
        if column.name in {one.name for one in (*COLUMNS, *found)}:
            raise FtbenchError(f"columns: {path!r} is called {column.name}, as another column is. Rename it")
        found.append(column)
    return found


def with_own(rows: Sequence[Row], paths: Sequence[str]) -> tuple[list[Row], list[Column], list[str]]:
    """Returns rows whose facts hold the values of a user's columns, the columns, and a note for each that failed.

    Somebody else's code must not cost the results: what it raises is a note.
    """
    try:
        own = load_columns(paths)
    except FtbenchError as error:
        return list(rows), [], [str(error)]
    notes: dict[str, str] = {}
    found = []
    for row in rows:
        facts = dict.fromkeys((column.name for column in own), None)
        for column in own if row.done else ():
            try:
                facts[column.name] = json.loads(json.dumps(column.read(row), allow_nan=False))
            except Exception as error:
                notes.setdefault(column.name, scrub(f"column {column.name}: {type(error).__name__}: {error}"))
        found.append(replace(row, facts={**row.facts, **facts}))
    return found, own, list(notes.values())


def described(own: Sequence[Column]) -> list[dict[str, Any]]:
    """Returns columns of a user's own as ``results.json`` holds them; the values stand among the facts of the cells."""
    return [{name: getattr(one, name) for name in DESCRIBED} | {"tables": list(one.tables)} for one in own]


def from_results(results: Mapping[str, Any] | None) -> list[Column]:
    """Returns the columns of a user's own that ``results.json`` describes; nothing of the user's code is imported."""
    return [
        Column(**{name: str(one.get(name, "")) for name in DESCRIBED}, tables=tuple(one.get("tables", ())))
        for one in (results or {}).get("own_columns", ())
        if one.get("unit", "") in READS
    ]
