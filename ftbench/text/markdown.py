"""Text that nobody vouches for, made safe for Markdown (GitHub's included), and the parts of a page made of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ftbench.text.terminal import one_line

_MARKUP = re.compile(r"([\\`*_{}\[\]#!|<>~$&]|^[-+=]|(?<=[a-z])(?=://)|(?<=www)(?=\.))", re.IGNORECASE)
_LIST = re.compile(r"^(\d+)([.)])(?=\s|$)")
_MENTION = re.compile(r"@|(?<=#)(?=\d)|(?<=GH-)(?=\d)", re.IGNORECASE)
_BREAK = "\u2060"  # a word joiner: not seen, and nothing is mentioned across it


def literal(text: Any) -> str:
    """Returns text on one line that nothing takes for mark-up, a border of a table, a mention or a link."""
    marked = _LIST.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", one_line(text)))
    return _MENTION.sub(lambda found: found.group() + _BREAK, marked)


def code(text: Any) -> str:
    """Returns a name as code; one that holds what code or a table would end at stands as plain text."""
    line = one_line(text)
    return literal(line) if not line or set(line) & set("`|\\@") else f"`{line}`"


def bullets(texts: Iterable[Any]) -> list[str]:
    """Returns one list item for each text."""
    return [f"- {literal(text)}" for text in texts]


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[int] = ()) -> list[str]:
    """Returns the lines of a table whose cells are Markdown already; columns in ``numbers`` stand on the right."""
    ruler = ["---:" if place in numbers else "---" for place in range(len(head))]
    return ["| " + " | ".join(cells) + " |" for cells in (head, ruler, *rows)]
