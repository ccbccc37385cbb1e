"""Reads columns of chat turns: the last assistant turn is the answer, what stands before it is the prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ftbench.core.example import Turn
from ftbench.data.values import Unusable, as_text

_ROLES = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "human": "user",
    "gpt": "assistant",
}
_ROLE_KEYS = ("role", "from")
_TEXT_KEYS = ("content", "value")


def read_turns(value: Any) -> tuple[tuple[Turn, ...], str, int]:
    """Splits a conversation before its last assistant turn.

    Args:
        value: a list of ``{"role": ..., "content": ...}`` (or ``from`` and ``value``, with ``human`` and ``gpt``); the
            content is text, or a list of parts that are all text.

    Returns:
        The turns before the last assistant turn, its text, and how many turns after it were left out.

    Raises:
        Unusable: when the value is no such list, has no assistant turn, or nothing from the user before it.
    """
    if not isinstance(value, list) or not value:
        raise Unusable('holds no list of turns such as [{"role": "user", "content": "..."}]')
    turns = [_turn(item, number) for number, item in enumerate(value, start=1)]
    last = max((index for index, turn in enumerate(turns) if turn.role == "assistant"), default=None)
    if last is None:
        raise Unusable("has no assistant turn to learn from or to score against")
    before = tuple(turns[:last])
    if not any(turn.role == "user" for turn in before):
        raise Unusable("has no user turn before its last assistant turn")
    return before, turns[last].content, len(turns) - last - 1


def read_reply(value: Any) -> tuple[tuple[Turn, ...], str]:
    """Returns an answer and the turns that stand before it in the same value: none for plain text or a list of the
    answer alone.

    Raises:
        Unusable: when the value is neither text nor turns of which the last is the assistant's.
    """
    if not isinstance(value, list):
        return (), as_text(value)
    turns = [_turn(item, number) for number, item in enumerate(value, start=1)]
    if not turns or turns[-1].role != "assistant":
        raise Unusable("holds turns of which the last is not the assistant's")
    return tuple(turns[:-1]), turns[-1].content


def without_system(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    return tuple(turn for turn in turns if turn.role != "system")


def _turn(item: Any, number: int) -> Turn:
    if not isinstance(item, Mapping):
        raise Unusable(f"turn {number} is no object with role and content")
    role = next((item[key] for key in _ROLE_KEYS if item.get(key) is not None), None)
    if not isinstance(role, str) or role not in _ROLES:
        raise Unusable(f"turn {number} has the role {role!r}, which is none of {', '.join(_ROLES)}")
    content = next((item[key] for key in _TEXT_KEYS if item.get(key) is not None), None)
    if content is None:
        raise Unusable(f"turn {number} ({role}) has no content")
    if isinstance(content, list):
        content = "".join(_part(part, number) for part in content)
    try:
        return Turn(_ROLES[role], as_text(content))
    except Unusable as error:
        raise Unusable(f"turn {number} ({role}) {error}") from None


def _part(part: Any, number: int) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping) and isinstance(part.get("text"), str):
        return part["text"]
    raise Unusable(f"turn {number} has a part that is no text (images and sound are not supported)")
