"""Worked examples from the train split before the question."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ftbench.core.component import Component
from ftbench.core.errors import FtbenchError, Problem
from ftbench.core.example import Document, Example, Request, Splits, Turn
from ftbench.core.protocols import AddStage, Lowered


@dataclass(frozen=True)
class FewShot(Component):
    """Shows ``k`` training rows, drawn and ordered by the seed and the example's id alone.

    So the shots of one example do not change when others are added or taken away. A row is never shown to itself, nor to
    an example of the same group: it would give the answer away.

    Attributes:
        k: how many; fewer where the train split has no more.
    """

    k: int

    def check(self) -> list[Problem]:
        return [] if self.k >= 1 else [Problem("context.k", f"{self.k} shots are none", "Give at least 1, or context=zero_shot")]

    def check_data(self, splits: Splits) -> list[Problem]:
        if any(shot.target is not None for shot in splits.train):
            return []
        return [Problem("dataset.train", "has no row with a target to show as an example", "Give dataset.target, or context=zero_shot")]

    def lower(self, add: AddStage, cell: Lowered) -> dict[str, str]:
        return {}

    def requests(
        self, examples: Sequence[Example], pool: Sequence[Example], documents: Sequence[Document], folders: dict[str, Path], seed: int
    ) -> list[Request]:
        """Raises:
        FtbenchError: when no row of the train split has a target to show.
        """
        answered = [shot for shot in pool if shot.target is not None]
        if not answered:
            raise FtbenchError("context=few_shot: no row of the train split has a target to show. Give dataset.target, or context=zero_shot")
        return [self._request(example, answered, seed) for example in examples]

    def _request(self, example: Example, pool: Sequence[Example], seed: int) -> Request:
        draw = random.Random(f"{seed}/{example.id}")
        shots: list[Example] = []
        for index in _shuffled(draw, len(pool)):
            if not _related(pool[index], example):
                shots.append(pool[index])
            if len(shots) == self.k:
                break
        system = [turn for turn in example.turns if turn.role == "system"]
        own = [turn for turn in example.turns if turn.role != "system"]
        shown = [turn for shot in shots for turn in (*(t for t in shot.turns if t.role != "system"), Turn("assistant", shot.target or ""))]
        return Request(example.id, (*system, *shown, *own), shots=tuple(shot.id for shot in shots))


def _shuffled(draw: random.Random, count: int) -> Iterator[int]:
    """Yields 0 to ``count - 1`` in random order, one draw at a time: a few shots out of a large pool stay cheap."""
    moved: dict[int, int] = {}
    for start in range(count):
        pick = draw.randrange(start, count)
        yield moved.get(pick, pick)
        moved[pick] = moved.get(start, start)


def _related(shot: Example, example: Example) -> bool:
    return shot.id == example.id or (shot.group is not None and shot.group == example.group)
