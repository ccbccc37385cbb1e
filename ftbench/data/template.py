"""Templates over columns: ``"Question: {question}\\nAnswer:"``.

``{column}`` stands for a column's text, ``{column!json}`` for a nested value as JSON, ``{{`` and ``}}`` for braces, and
``\\n`` (two characters, as a command line hands them over) for a line break; ``\\\\n`` for those two characters.
Values are put in once and never read again, so braces in the data mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ftbench.data.values import Unusable, as_joined_text, as_json, look_up

JSON = "!json"
_TOKEN = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]|\\\\n|\\n")
_LITERAL = {"{{": "{", "}}": "}", "\\n": "\n", "\\\\n": "\\n"}


@dataclass(frozen=True)
class Slot:
    """A place in a template for the value at ``path``."""

    path: str
    json: bool


@dataclass(frozen=True)
class Template:
    """A parsed template: texts and slots in order."""

    parts: tuple[str | Slot, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(part.path for part in self.parts if isinstance(part, Slot))

    def render(self, values: Mapping[str, Any]) -> str:
        """Returns the text for one row.

        Raises:
            Absent: when the row lacks a column.
            Unusable: when a column is null, nested, or no text; the message names the column.
        """
        return "".join(part if isinstance(part, str) else _fill(part, values) for part in self.parts)


@lru_cache(maxsize=256)
def parse(text: str) -> Template:
    """Parses a template.

    Raises:
        ValueError: for a lone brace or empty braces; the message says where.
    """
    parts: list[str | Slot] = []
    at = 0
    for token in _TOKEN.finditer(text):
        parts.append(text[at : token.start()])
        at = token.end()
        found = token.group()
        if found in _LITERAL:
            parts.append(_LITERAL[found])
        elif len(found) == 1:
            raise ValueError(
                f"has a lone {found!r} at character {token.start() + 1}; write {found * 2} for a brace of the text"
            )
        else:
            path = found[1:-1].strip()
            slot = Slot(path.removesuffix(JSON).strip(), path.endswith(JSON))
            if not slot.path:
                raise ValueError(
                    f"has empty braces at character {token.start() + 1}; write a column's name between them"
                )
            parts.append(slot)
    parts.append(text[at:])
    return Template(tuple(part for part in parts if part != ""))


def broken_lines(text: str) -> bool:
    """True when ``text`` spells a line break with a backslash and an n."""
    return any(token.group() == "\\n" for token in _TOKEN.finditer(text))


def _fill(slot: Slot, values: Mapping[str, Any]) -> str:
    value = look_up(values, slot.path)
    try:
        return as_json(value) if slot.json else as_joined_text(value, slot.path)
    except Unusable as error:
        raise Unusable(f"column {slot.path!r} {error}") from None
