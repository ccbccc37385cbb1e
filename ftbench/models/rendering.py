"""The answer in a rendered conversation: what the template writes after the prompt, and which tokens hold the answer.

The whole conversation is rendered once, answer included. What follows the prompt in it may hold more than the answer: a
space before it, an empty block of thoughts, a closing tag. The answer's own characters are found by a second rendering
with a known answer in its place, so that text that the template writes itself is never mistaken for the answer.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ftbench.core.errors import FtbenchError
from ftbench.core.example import Turn

NOT_A_PREFIX = "the chat template writes the prompt differently when an answer follows"
CHANGED = "the chat template changes the text of the answer"
REFUSED = "the chat template does not accept an answer after these turns"
UNTRACEABLE = "the tokenizer does not tell which tokens hold the answer"
PROBE = "Answerprobe"
LONGEST_CHARACTER_TOKENS = 8
"""Tokens that one character may be cut into, at most, with some to spare: UTF-8 has four bytes."""


class Renderer(Protocol):
    """Writes turns as one model's template has them: ``ftbench.models.format.Format``."""

    tokenizer: Any
    template: str | None
    arguments: dict[str, Any]
    stop_ids: tuple[int, ...]

    def accepted(self, turns: Sequence[Turn]) -> Sequence[Turn]:
        """Returns the turns in the form that the template renders."""

    def render(self, turns: Sequence[Turn], ask: bool) -> str:
        """Returns the template's text of these turns, ``ask`` for the marker after which the model speaks."""


@dataclass(frozen=True)
class Rest:
    """What follows a prompt.

    Attributes:
        text: all of it, as far as it is known as text.
        start: first character of the answer in ``text``.
        stop: one past its last character.
        separate: None where ``text`` is the template's rendering; else why the answer alone is put after the prompt.
    """

    text: str
    start: int
    stop: int
    separate: str | None

    @property
    def answer(self) -> str:
        return self.text[self.start : self.stop]


def answer_alone(target: str, separate: str | None) -> Rest:
    """Returns the answer as it was given, right after the prompt."""
    return Rest(target, 0, len(target), separate)


def rest_of(format: Renderer, turns: Sequence[Turn], prompt: str, target: str) -> Rest:
    """Returns what the whole conversation holds after its prompt.

    Args:
        turns: as the chat template accepts them.
        prompt: ``format.text(turns)``.
        target: the answer.
    """
    from jinja2.exceptions import TemplateError

    if format.template is None:
        return answer_alone(target, None)
    try:
        whole = format.render([*turns, Turn("assistant", target)], False)
        model = format.render([*turns, Turn("assistant", PROBE)], False)
    except (TemplateError, FtbenchError):
        return answer_alone(target, REFUSED)
    if not whole.startswith(prompt):
        return answer_alone(target, NOT_A_PREFIX)
    text = whole[len(prompt) :]
    found = _place(text, model.removeprefix(prompt), target)
    return answer_alone(target, CHANGED) if found is None else Rest(text, *found, None)


def _place(text: str, model: str, target: str) -> tuple[int, int] | None:
    """Returns where in ``text`` the answer stands, with the white space around it that is its own.

    Args:
        model: the same text with ``PROBE`` for the answer.
    """
    wanted = target.strip()
    before, found, after = model.partition(PROBE)
    if (
        found
        and PROBE not in after
        and text.startswith(before)
        and text.endswith(after)
        and len(text) >= len(before) + len(after)
    ):
        start, stop = len(before), len(text) - len(after)
        if text[start:stop].strip() == wanted:
            return start, stop
    if wanted and text.count(wanted) == 1:  # the template writes other text around this answer than around the probe
        start = text.index(wanted)
        return start, start + len(wanted)
    return None


def tokens_holding(
    tokenizer: Any, ids: Sequence[int], offsets: Sequence[tuple[int, int]] | None, rest: Rest
) -> tuple[int, int] | None:
    """Finds the tokens that overlap the answer's characters.

    Args:
        ids: token ids of ``rest.text``.
        offsets: characters of ``rest.text`` that each was made of (first, one past the last), without gaps;
            None where the tokenizer has none.

    Returns:
        Positions in ``ids`` (first, one past the last); None where they cannot be told.
    """
    if rest.start == 0 and rest.stop == len(rest.text):
        return 0, len(ids)
    if rest.start == rest.stop:
        return 0, 0
    found = _by_text(tokenizer, ids, rest) if offsets is None else _by_offsets(offsets, rest)
    if found is None:
        return None
    first, last = 0 if rest.start == 0 else found[0], len(ids) if rest.stop == len(rest.text) else found[1]
    return first, max(first, last)


def _by_offsets(offsets: Sequence[tuple[int, int]], rest: Rest) -> tuple[int, int]:
    first = next((i for i, (_, end) in enumerate(offsets) if end > rest.start), len(offsets))
    last = next((i for i in range(len(offsets), first, -1) if offsets[i - 1][0] < rest.stop), first)
    return first, last


def _by_text(tokenizer: Any, ids: Sequence[int], rest: Rest) -> tuple[int, int] | None:
    """Finds the tokens by the text that the first ones decode to, without white space: decoders differ in that."""

    def text(count: int) -> str:
        return _squeezed(
            tokenizer.decode(list(ids[:count]), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )

    before, until = _squeezed(rest.text[: rest.start]), _squeezed(rest.text[: rest.stop])
    counts = range(len(ids) + 1)
    first = bisect_right(counts, len(before), key=lambda count: len(text(count))) - 1
    last = bisect_left(counts, len(until), key=lambda count: len(text(count)))
    # A character of several tokens decodes to a sign of its own until it is whole.
    last = next(
        (count for count in counts[last : last + LONGEST_CHARACTER_TOKENS] if text(count).startswith(until)), None
    )
    return (first, last) if last is not None and before.startswith(text(first)) else None


def _squeezed(text: str) -> str:
    return "".join(text.split())


class Prompted(Protocol):
    """A prompt with its answer; ``separate`` says why that is not the chat template's rendering, None where it is."""

    @property
    def separate(self) -> str | None: ...


def separate_notes(rows: Sequence[Prompted]) -> list[str]:
    """Returns a sentence, with a count, for each reason why answers were not taken from the template's rendering."""
    reasons = Counter(row.separate for row in rows if row.separate is not None)
    return [
        f"{count} of {len(rows)} rows have the answer right after the prompt, not in the template's rendering: {reason}"
        for reason, count in sorted(reasons.items())
    ]
