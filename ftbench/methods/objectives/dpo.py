"""Direct preference optimization (Rafailov et al. 2023): from chosen and rejected answers, held back by a frozen
reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ftbench.core.components.objective import Objective
from ftbench.core.components.weights import Trainable
from ftbench.core.errors import Problem, Problems, did_you_mean
from ftbench.core.example import Splits
from ftbench.core.training import TrainRun
from ftbench.methods.pairs import NO_PREFERENCE, has_preference
from ftbench.methods.preference import LOSSES, prefer, read_reference
from ftbench.methods.recipe import Recipe
from ftbench.methods.runs import Loss, PreferenceRun


@dataclass(frozen=True)
class Dpo(Objective):
    """A pairwise preference loss against the weights that training starts from, frozen. A row is a pair.

    Attributes:
        beta: how strongly leaving the reference is held back.
        loss_type: ``sigmoid`` is the paper's; see ``ftbench.methods.preference.LOSSES``.
        label_smoothing: share of pairs assumed to be the wrong way round, for ``robust`` and ``exo_pair``.
    """

    key_name: ClassVar[str] = "dpo"
    needs_reference: ClassVar[bool] = True
    control: ClassVar[str | None] = "sft_chosen"

    beta: float
    loss_type: str
    label_smoothing: float

    @property
    def reads(self) -> str:
        return "preferences"

    def check(self) -> list[Problem]:
        problems = Problems()
        if not 0 < self.beta < float("inf"):
            problems.add("method.beta", f"{self.beta} is not positive", "Give a number above 0, such as 0.1")
        if self.loss_type not in LOSSES:
            why = f"{self.loss_type!r} is no preference loss"
            problems.add("method.loss_type", why, did_you_mean(self.loss_type, LOSSES))
        if not 0 <= self.label_smoothing < 0.5:
            why = f"{self.label_smoothing} is no share below one half"
            problems.add("method.label_smoothing", why, "Give a number from 0 to below 0.5")
        if self.loss_type == "exo_pair" and self.label_smoothing == 0:
            why = "is 0, of which exo_pair takes the logarithm"
            problems.add("method.label_smoothing", why, "Set method.label_smoothing=1e-3")
        return problems

    def check_method(self, method: Any) -> list[Problem]:
        problems = Problems()
        if method.train_context is not None:
            fix = "Set it to null, or method.start.train_context"
            problems.add("method.train_context", "preferences are learned on their own prompts", fix)
        if method.packing:
            problems.add("method.packing", "pairs are not packed", "Set it to false, or method.start.packing")
        adapter = method.weights_component().adapter()
        if adapter is not None and adapter.dropout:
            why = "dropout would let policy and reference differ by chance; preferences are learned without it"
            problems.add("method.dropout", why, "Set method.dropout=0")
        return problems

    def check_data(self, splits: Splits) -> list[Problem]:
        if any(has_preference(example) for example in splits.train):
            return []
        fix = (
            "Set dataset.chosen=COLUMN dataset.rejected=COLUMN, and dataset.preferences=FILE where they stand in a file"
            " of their own"
        )
        return [Problem("dataset.chosen", NO_PREFERENCE, fix)]

    def train(self, runs: Sequence[tuple[TrainRun, Trainable]], recipe: Recipe, loaded: Any) -> list[dict[str, Any]]:
        return prefer([self.run_of(run, weights, recipe) for run, weights in runs], loaded)

    def run_of(self, run: TrainRun, weights: Trainable, recipe: Recipe) -> PreferenceRun:
        """Returns the run of the preference call."""
        return PreferenceRun(
            examples=run.examples,
            recipe=recipe,
            loss=Loss(self.loss_type, self.beta, self.label_smoothing),
            reference=read_reference(run.inputs["reference"]),
            seed=run.seed,
            adapt=weights.adapt,
            save=weights.save,
            folder=run.folder,
            progress=run.progress,
            validation=run.validation,
            scratch=run.scratch,
        )
