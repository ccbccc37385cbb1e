"""Full fine-tuning: every weight of the base."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ftbench.core.components.weights import Trainable, Weights
from ftbench.core.errors import Problem, did_you_mean
from ftbench.methods.whole import FOLDER, MASTERS, lent, open_weights, read_weights


@dataclass(frozen=True)
class Full(Weights):
    """All weights, shipped as a transformers folder in the dtype of the base.

    Attributes:
        master_weights: ``float32`` holds the weights in float32 while they are trained, since bfloat16 rounds away
            steps below a 256th of a weight; ``base`` trains them in the base's dtype, for half the memory.
    """

    key_name: ClassVar[str] = "full"
    kind: ClassVar[str] = "whole"
    runs_per_base: ClassVar[int | None] = 1

    master_weights: str

    def check(self) -> list[Problem]:
        problems = super().check()
        if self.master_weights not in MASTERS:
            why = f"{self.master_weights!r} is none of its values"
            problems.append(Problem("method.master_weights", why, did_you_mean(self.master_weights, MASTERS)))
        return problems

    def cannot_follow(self, start: Weights) -> list[Problem]:
        if type(start) is type(self):
            return []
        why = f"{type(start).__name__} leaves no whole weights to go on from"
        return [Problem("method.start", why, "Use the same method.weights for both, or set method.start=null")]

    def held_in(self) -> str:
        return self.master_weights

    def trainable(self, folder: Path, loaded: Any, start: Path | None) -> Trainable:
        close: list[Any] = []

        def adapt(model: Any) -> Any:
            if start is not None:
                read_weights(model, start)
            close.append(open_weights(model, self.master_weights))
            return model

        def save(model: Any) -> None:
            from ftbench.models.save import save_model

            close[0]()
            save_model(model, loaded, folder / FOLDER)

        return Trainable(adapt, save)

    def attach(self, loaded: Any, folder: Path) -> AbstractContextManager[Any]:
        return lent(loaded, folder)
