"""How many tokens rows have, before any model is loaded: counted with the model's own tokenizer where its file is here,
else estimated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ftbench.core.example import Turn

CHARACTERS_PER_TOKEN = 4.0
"""Of English text, as OpenAI's "What are tokens and how to count them" puts it; other languages and code have fewer."""
TURN_TOKENS = 4
"""What a chat template or a plain heading adds to each turn: role and delimiters."""
SAMPLE_ROWS = 256
"""Rows looked at, spread evenly over a split: a mean over them is within a few percent, and planning stays quick."""


@dataclass(frozen=True)
class Counter:
    """Counts the tokens of a text; ``basis`` says how, for the reader of a plan."""

    count: Callable[[str], int]
    basis: str

    def turns(self, turns: Iterable[Turn]) -> int:
        return sum(self.count(turn.content) + TURN_TOKENS for turn in turns)


def counter(tokenizer: Path | None) -> Counter:
    """Returns a counter by a ``tokenizer.json``, read by the light ``tokenizers`` package, or by characters where there
    is none.
    """
    if tokenizer is not None and tokenizer.is_file():
        try:
            from tokenizers import Tokenizer

            own: Any = Tokenizer.from_file(str(tokenizer))
            own.no_truncation()  # some are saved with the limit of their model, and some fill up to it
            own.no_padding()
            return Counter(
                lambda text: len(own.encode(text, add_special_tokens=False).ids),
                "tokens counted by the model's tokenizer",
            )
        except Exception:  # a tokenizer written by a newer version is no reason not to plan
            return _BY_CHARACTERS
    return _BY_CHARACTERS


_BY_CHARACTERS = Counter(
    lambda text: math.ceil(len(text) / CHARACTERS_PER_TOKEN),
    f"tokens estimated at {CHARACTERS_PER_TOKEN:g} characters each",
)


def sampled(rows: Sequence[Any]) -> list[Any]:
    """Returns at most ``SAMPLE_ROWS`` of the rows, spread evenly."""
    if len(rows) <= SAMPLE_ROWS:
        return list(rows)
    return [rows[index * len(rows) // SAMPLE_ROWS] for index in range(SAMPLE_ROWS)]


@dataclass(frozen=True)
class Lengths:
    """Lengths of sampled rows, ascending, of ``rows`` rows in all."""

    values: tuple[int, ...]
    rows: int

    @classmethod
    def of(cls, values: Iterable[int], rows: int, most: int | None = None) -> Lengths:
        """Returns the lengths, cut at ``most``."""
        return cls(tuple(sorted(min(value, most) if most is not None else value for value in values)), rows)

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values) if self.values else 0.0

    @property
    def longest(self) -> int:
        return self.values[-1] if self.values else 0

    def padded(self, batch: int) -> float:
        """Returns the expected longest of ``batch`` rows drawn at random: what all rows of a batch are padded to."""
        return _padded(self.values, batch)


@lru_cache(maxsize=1024)
def _padded(values: tuple[int, ...], batch: int) -> float:
    count = len(values)
    return sum(
        value * (((index + 1) / count) ** batch - (index / count) ** batch) for index, value in enumerate(values)
    )
