"""Supervised fine-tuning: on the targets, or on the chosen answers of preference rows, as their control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ftbench.core.components.objective import Objective
from ftbench.core.components.weights import Trainable
from ftbench.core.errors import Problem, did_you_mean
from ftbench.core.example import Example, Splits
from ftbench.core.training import TrainRun
from ftbench.methods.pairs import NO_PREFERENCE, has_preference
from ftbench.methods.recipe import Recipe
from ftbench.methods.runs import SftRun
from ftbench.methods.sft import sft

TARGETS, CHOSEN = READS = ("targets", "chosen")


@dataclass(frozen=True)
class Sft(Objective):
    """The loss of the answer's tokens alone.

    Attributes:
        answers: ``targets``, or ``chosen`` for the chosen answers of the preference rows: the control of every
            preference objective, so that a gain is not mistaken for that of mere training.
    """

    key_name: ClassVar[str] = "sft"

    answers: str

    @property
    def reads(self) -> str:
        return self.answers

    def check(self) -> list[Problem]:
        if self.answers in READS:
            return []
        return [Problem("method.answers", f"{self.answers!r} is none of its values", did_you_mean(self.answers, READS))]

    def check_data(self, splits: Splits) -> list[Problem]:
        if self.answers == CHOSEN:
            fix = "Set dataset.chosen=COLUMN dataset.rejected=COLUMN, or use method=lora"
            return (
                []
                if any(has_preference(example) for example in splits.train)
                else [Problem("dataset.chosen", NO_PREFERENCE, fix)]
            )
        if any(example.target is not None for example in splits.train):
            return []
        why = "has no row with a target to train on"
        return [Problem("dataset.train", why, "Give dataset.target or dataset.references, or method=none")]

    def train(self, runs: Sequence[tuple[TrainRun, Trainable]], recipe: Recipe, loaded: Any) -> list[dict[str, Any]]:
        return sft([self.run_of(run, weights, recipe) for run, weights in runs], loaded)

    def run_of(self, run: TrainRun, weights: Trainable, recipe: Recipe) -> SftRun:
        """Returns the run of the supervised call."""
        return SftRun(
            examples=self.answered(run.examples),
            recipe=recipe,
            seed=run.seed,
            adapt=weights.adapt,
            save=weights.save,
            folder=run.folder,
            progress=run.progress,
            validation=self.answered(run.validation),
            scratch=run.scratch,
        )

    def answered(self, examples: Sequence[Example]) -> Sequence[Example]:
        """Returns the rows that are trained on, each with the target that it is trained towards."""
        if self.answers == TARGETS:
            return examples
        return [replace(example, target=example.chosen) for example in examples if has_preference(example)]
