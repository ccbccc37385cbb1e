"""Log-probabilities of a given answer, out of the reply to an echoed completion.

Servers differ in what stands around the answer (a begin-of-text token, the one token that they must write) and in how
they spell its tokens (``▁red``, `` red``, ``red``). So the answer is found from the end, by its characters without
spaces; where no token begins with it, or a number is none, there is no value: nothing is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEAST_TOP = 1
"""Alternatives asked for at each place, so that the model's own first choice is told."""
ROUNDING = 1e-6
_SPACES = str.maketrans({"▁": " ", "Ġ": " ", "Ċ": "\n"})


class NoValue(Exception):
    """The reply does not tell how likely the answer is; one line."""


@dataclass(frozen=True)
class Echoed:
    """What a server says of the answer's tokens: nats, how many, and how many it would have chosen itself (None where
    it does not say).
    """

    nll: float
    tokens: int
    correct: int | None


def read_echo(logprobs: Any, completion_tokens: int | None, target: str) -> Echoed:
    """Reads the ``logprobs`` of a completion that echoed prompt and answer.

    Args:
        logprobs: as the server sent them: ``tokens``, ``token_logprobs`` and ``top_logprobs``.
        completion_tokens: how many tokens it wrote beyond the answer, by its own count; None for the one that was asked
            for.
        target: the answer.

    Raises:
        NoValue: with the reason.
    """
    if not isinstance(logprobs, Mapping) or not logprobs.get("token_logprobs"):
        raise NoValue("the endpoint returned no log-probabilities of the prompt")
    names, values, tops = (logprobs.get(name) or [] for name in ("tokens", "token_logprobs", "top_logprobs"))
    if len(names) != len(values) or not all(isinstance(name, str) for name in names):
        raise NoValue(f"the endpoint returned {len(values)} log-probabilities for {len(names)} tokens")
    written = 1 if completion_tokens is None else completion_tokens
    end = len(names) - written
    start = _begin([name.translate(_SPACES) for name in names[:end]], target)
    chosen = values[start:end]
    wrong = next((value for value in chosen if not _is_log_probability(value)), None)
    if wrong is not None or None in chosen:
        raise NoValue(f"the endpoint returned {wrong!r} as a log-probability")
    return Echoed(-math.fsum(chosen), len(chosen), _first_choices(tops[start:end], chosen))


def _begin(names: Sequence[str], target: str) -> int:
    """Returns the place of the answer's first token among tokens that end in it."""
    wanted = "".join(target.split())
    place, held = len(names), ""
    while len(held) < len(wanted):
        place -= 1
        if place < 0:
            break
        held = "".join(names[place].split()) + held
    if held != wanted or not wanted:
        raise NoValue(
            "the answer's tokens cannot be told from the prompt's: one holds parts of both, or the echo is another text"
        )
    while (
        target[:1].isspace()
        and place
        and names[place - 1]
        and not names[place - 1].strip()
        and not names[place][:1].isspace()
    ):
        place -= 1  # tokens of nothing but the spaces that the answer begins with
    return place


def _is_log_probability(value: Any) -> bool:
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value <= ROUNDING
    )


def _first_choices(tops: Sequence[Any], chosen: Sequence[float]) -> int | None:
    if len(tops) != len(chosen) or not all(
        isinstance(top, Mapping) and top and all(_is_log_probability(value) for value in top.values()) for top in tops
    ):
        return None
    return sum(value >= max(top.values()) - ROUNDING for top, value in zip(tops, chosen, strict=True))
