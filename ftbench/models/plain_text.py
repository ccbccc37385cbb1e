"""Turns as plain text, for models without a chat template."""

from __future__ import annotations

from collections.abc import Sequence

from ftbench.core.example import Turn

TURN_BREAK = "\n\n"
"""Between an answered turn and the next."""


def plain_parts(turns: Sequence[Turn]) -> list[str]:
    """Returns turns as plain text, one part for the system and one for each other turn.

    A question that follows answered ones ends as those did, so that the pattern holds.
    """
    spoken = [turn for turn in turns if turn.role != "system"]
    parts = ["".join(turn.content + TURN_BREAK for turn in turns if turn.role == "system")]
    answered = any(turn.role == "assistant" for turn in spoken)
    for turn in spoken:
        if turn.role == "assistant":
            parts.append(turn.content + TURN_BREAK)
        else:
            parts.append(turn.content + ("\n" if answered and not turn.content[-1:].isspace() else ""))
    return parts


def fold_system(turns: Sequence[Turn]) -> list[Turn]:
    """Returns the turns with the system's text put before the first question, for templates that know no system
    role.
    """
    system = TURN_BREAK.join(turn.content for turn in turns if turn.role == "system")
    rest = [turn for turn in turns if turn.role != "system"]
    if not system or not rest:
        return list(turns)
    return [Turn(rest[0].role, system + TURN_BREAK + rest[0].content), *rest[1:]]
