"""Worked examples from the train split before the question."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, ClassVar

from ftbench.contexts.retrieve.bm25 import Bm25
from ftbench.core.components.context import Context
from ftbench.core.errors import FtbenchError, Problem, did_you_mean
from ftbench.core.example import Document, Example, Request, Splits, Turn

CHOICES = ("random", "fixed", "similar", "balanced")
LIKENESS = Bm25(k1=1.5, b=0.75, language="english")
SPARE = 20
"""Similar rows looked up beyond ``k``, of which those of the same group fall away."""


@dataclass(frozen=True)
class FewShot(Context):
    """Shows ``k`` training rows as earlier turns of the conversation.

    The shots of one example do not change when others are added or taken away. A row is never shown to itself, nor to
    an example of the same group: it would give the answer away. Of rows that say the same one is shown.

    Attributes:
        k: how many; fewer where the train split has no more, which is said.
        choose: ``random`` draws and orders by the seed and the example's id; ``fixed`` shows every example the same
            rows, drawn by the seed; ``similar`` takes the rows whose questions are nearest by BM25, nearest last, and
            draws what is lacking; ``balanced`` draws from each label (each distinct target) in turn.
    """

    key_name: ClassVar[str] = "few_shot"

    k: int
    choose: str

    def check(self) -> list[Problem]:
        problems = (
            []
            if self.k >= 1
            else [Problem("context.k", f"{self.k} shots are none", "Give at least 1, or context=zero_shot")]
        )
        if self.choose not in CHOICES:
            why = f"{self.choose!r} is no way to choose shots"
            problems.append(Problem("context.choose", why, did_you_mean(self.choose, CHOICES)))
        return problems

    def check_data(self, splits: Splits) -> list[Problem]:
        if any(shot.target is not None for shot in splits.train):
            return []
        why = "has no row with a target to show as an example"
        return [Problem("dataset.train", why, "Give dataset.target, or context=zero_shot")]

    def remarks(self, splits: Splits) -> list[str]:
        count = len(_distinct(splits.train))
        return (
            [f"context.k={self.k}: only {count} different rows of the train split have a target to show"]
            if count < self.k
            else []
        )

    def ready(self) -> None:
        """*Heavy.* Imports what ``requests`` needs whatever is asked."""
        if self.choose == "similar":
            LIKENESS.ready()

    def requests(
        self,
        examples: Sequence[Example],
        pool: Sequence[Example],
        documents: Sequence[Document],
        folders: dict[str, Path],
        seed: int,
    ) -> list[Request]:
        """Raises:
        FtbenchError: when no row of the train split has a target to show.
        """
        answered = _distinct(pool)
        if not answered:
            raise FtbenchError(
                "context=few_shot: no row of the train split has a target to show. Give dataset.target, or"
                " context=zero_shot"
            )
        orders = self._orders(examples, answered, seed)
        return [self._request(example, answered, order) for example, order in zip(examples, orders, strict=True)]

    def sketch(self, examples: Sequence[Example], splits: Splits, seed: int) -> list[Request]:
        """Returns requests as long as the real ones, made without any stage's folder: what a forecast counts the tokens
        of.
        """
        return replace(self, choose="random").requests(examples, splits.train, splits.documents, {}, seed)

    def _orders(self, examples: Sequence[Example], pool: Sequence[Example], seed: int) -> Iterator[Iterable[int]]:
        """Yields, for each example, places in the pool in the order in which they are wanted."""
        if self.choose == "similar":
            questions = [_question(shot) for shot in pool]
            found = LIKENESS.search_in_memory(questions, [_question(example) for example in examples], self.k + SPARE)
            for example, hits in zip(examples, found, strict=True):
                nearest = [hit.place for hit in hits]
                yield dict.fromkeys(chain(nearest, _shuffled(random.Random(f"{seed}/{example.id}"), len(pool))))
            return
        for example in examples:
            draw = random.Random(str(seed) if self.choose == "fixed" else f"{seed}/{example.id}")
            yield _in_turn(draw, pool) if self.choose == "balanced" else _shuffled(draw, len(pool))

    def _request(self, example: Example, pool: Sequence[Example], order: Iterable[int]) -> Request:
        shots: list[Example] = []
        for index in order:
            if not _related(pool[index], example):
                shots.append(pool[index])
            if len(shots) == self.k:
                break
        return _shown(example, shots[::-1] if self.choose == "similar" else shots)


def _shown(example: Example, shots: Sequence[Example]) -> Request:
    """Returns the request; a shorter one loses its first shot, the farthest from the question."""
    system = [turn for turn in example.turns if turn.role == "system"]
    own = [turn for turn in example.turns if turn.role != "system"]
    turns = [
        turn
        for shot in shots
        for turn in (*(t for t in shot.turns if t.role != "system"), Turn("assistant", shot.target or ""))
    ]
    shorter = (lambda: _shown(example, shots[1:])) if shots else None
    return Request(example.id, (*system, *turns, *own), shots=tuple(shot.id for shot in shots), shorter=shorter)


def _distinct(pool: Sequence[Example]) -> list[Example]:
    """Returns the rows with a target, the first of those that say the same."""
    seen: dict[tuple[Any, ...], Example] = {}
    for shot in pool:
        if shot.target is not None:
            seen.setdefault((shot.turns, shot.target), shot)
    return list(seen.values())


def _question(example: Example) -> str:
    return "\n".join(turn.content for turn in example.turns if turn.role == "user")


def _in_turn(draw: random.Random, pool: Sequence[Example]) -> list[int]:
    """Returns places in the pool, one of each label before a second of any; labels and rows in random order."""
    places: dict[str, list[int]] = {}
    for index in _shuffled(draw, len(pool)):
        places.setdefault(pool[index].target or "", []).append(index)
    return [index for turn in zip_longest(*places.values()) for index in turn if index is not None]


def _shuffled(draw: random.Random, count: int) -> Iterator[int]:
    """Yields 0 to ``count - 1`` in random order, one draw at a time: a few shots out of a large pool stay cheap."""
    moved: dict[int, int] = {}
    for start in range(count):
        pick = draw.randrange(start, count)
        yield moved.get(pick, pick)
        moved[pick] = moved.get(start, start)


def _related(shot: Example, example: Example) -> bool:
    return shot.id == example.id or (shot.group is not None and shot.group == example.group)
