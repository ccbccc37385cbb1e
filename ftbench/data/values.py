"""What stands in a cell of a table, and how it becomes text, a list or a point in time without surprises.

A column may be named by a path into nested values: ``question.stem``, ``instances.0.output``, and with ``*`` for every
item of a list: ``sections.*.text``. A column whose own name is the whole path comes first.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any


class Literal(float):
    """A number from a JSON file that remembers how it was written, so that ``3.10`` stays ``3.10`` in a prompt."""

    text: str

    def __new__(cls, text: str) -> Literal:
        made = super().__new__(cls, text)
        made.text = text
        return made


class Unusable(ValueError):
    """A value that cannot be used where it stands; the message is the second half of "column 'x' ..."."""


class Absent(LookupError):
    """A column, or a part of one, that a row does not have."""


def column_of(path: str, columns: Mapping[str, Any]) -> str:
    """Returns the column that ``path`` starts from: itself where there is one of that name, else its first part."""
    return path if path in columns else path.partition(".")[0]


def look_up(values: Mapping[str, Any], path: str) -> Any:
    """Returns what stands at ``path`` in a row; with ``*`` a list of what stands under every item.

    Raises:
        Absent: when the row has no such column or part.
    """
    if path in values:
        return values[path]
    return _walk(values, path.split("."), path)


def _walk(value: Any, parts: list[str], path: str) -> Any:
    if not parts:
        return value
    first, rest = parts[0], parts[1:]
    if first == "*" and isinstance(value, list):
        return [_walk(item, rest, path) for item in value]
    if isinstance(value, Mapping) and first in value:
        return _walk(value[first], rest, path)
    if isinstance(value, list) and first.isdecimal() and int(first) < len(value):
        return _walk(value[int(first)], rest, path)
    raise Absent(path)


def is_empty(value: Any) -> bool:
    """True for null, NaN (how table tools write null) and the empty text of a CSV cell."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def as_text(value: Any) -> str:
    """Returns ``value`` as text: text as it stands, numbers as they were written, truth as ``true`` and ``false``,
    dates in ISO 8601.

    Raises:
        Unusable: for null, for lists and objects, and for text that UTF-8 cannot hold.
    """
    if isinstance(value, str):
        return _encodable(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise Unusable("is null")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Literal):
        return value.text
    if isinstance(value, date):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, Mapping):
        raise Unusable(f"holds an object with {', '.join(map(str, list(value)[:4])) or 'no keys'} where text is needed")
    if isinstance(value, (list, tuple)):
        raise Unusable(f"holds a list of {len(value)} where text is needed")
    if isinstance(value, (bytes, bytearray)):
        raise Unusable("holds raw bytes where text is needed")
    return _encodable(str(value))


def as_joined_text(value: Any, path: str) -> str:
    """Returns ``as_text(value)``; what a ``*`` in ``path`` collected stands one item a line."""
    if "*" in path.split(".") and isinstance(value, list):
        return "\n".join(as_joined_text(item, path) for item in value)
    return as_text(value)


def as_json(value: Any) -> str:
    """Returns a nested value as one line of JSON, for ``{column!json}`` in a template."""
    try:
        return _encodable(json.dumps(value, ensure_ascii=False, default=as_text))
    except TypeError as error:
        raise Unusable(f"cannot be written as JSON ({error})") from error


def as_list(value: Any, textual: bool) -> list[str]:
    """Returns a list of texts from a list, a single value, or (where cells are text, as in CSV) a JSON list in a cell.

    Raises:
        Unusable: for items that are no text, and for a list written in Python's way instead of JSON's.
    """
    if is_empty(value):
        return []
    if textual and isinstance(value, str) and value.lstrip().startswith("["):
        value = _cell_list(value)
    items = value if isinstance(value, (list, tuple)) else [value]
    return [as_text(item) for item in items]


def parsed_cell(value: Any, textual: bool) -> Any:
    """Returns the JSON value that a cell of a text table spells, or ``value`` itself where cells have types.

    Raises:
        Unusable: when the cell holds no JSON.
    """
    if not (textual and isinstance(value, str)):
        return value
    try:
        return json.loads(value, parse_float=Literal)
    except ValueError as error:
        raise Unusable(f"holds no JSON ({error})") from error


def as_time(value: Any) -> int | float | str:
    """Returns a point in time as a number or as ISO 8601 text in UTC, either of which sorts by itself.

    Raises:
        Unusable: for text that is neither: sorted as text, ``3/1/2024`` would stand after ``12/1/2023``.
    """
    if isinstance(value, bool) or is_empty(value):
        raise Unusable("is no time" if isinstance(value, bool) else "is null")
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, date):
        return _utc(datetime(value.year, value.month, value.day))
    if isinstance(value, (int, float)):
        return _finite(value)
    text = as_text(value).strip()
    for kind in (int, float):
        try:
            return _finite(kind(text))
        except ValueError:
            continue
    try:
        return _utc(datetime.fromisoformat(text))
    except ValueError:
        raise Unusable(f"holds {text[:40]!r}, which is neither a number nor ISO 8601 such as 2024-01-31") from None


def _finite(value: int | float) -> int | float:
    if not math.isfinite(value):
        raise Unusable(f"holds {value}, which is no point in time")
    return value if isinstance(value, int) else float(value)


def _utc(value: datetime) -> str:
    """A time without a zone is taken for UTC, so that all of a column sorts on one line. Fixed width, so that text
    order is time order.
    """
    moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")


def _cell_list(cell: str) -> Any:
    try:
        found = json.loads(cell, parse_float=Literal)
    except ValueError:
        body = cell.strip()
        if body.startswith("['") and body.endswith("]"):
            raise Unusable(f"holds a list written in Python's way ({cell[:40]!r}); JSON needs double quotes") from None
        return cell
    return found if isinstance(found, list) else cell


def _encodable(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Unusable(
            f"holds half a surrogate pair at character {error.start} ({text[error.start]!a}), which UTF-8 cannot hold"
        ) from None
    return text
