"""The control of every preference method: supervised fine-tuning on the chosen answers, so that a gain is told from mere training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ftbench.core.errors import Problem
from ftbench.core.example import Example, Splits
from ftbench.core.protocols import TrainRun
from ftbench.core.training import Training
from ftbench.methods.lora import Lora
from ftbench.methods.pairs import has_preference
from ftbench.methods.sft import SftRun


@dataclass(frozen=True)
class SftChosen(Lora):
    """LoRA on the preference rows' chosen answers. Its fields are those of ``ftbench.methods.lora.Lora``."""

    def check_data(self, splits: Splits) -> list[Problem]:
        if any(has_preference(example) for example in splits.train):
            return []
        fix = "Set dataset.chosen=COLUMN dataset.rejected=COLUMN, or use method=lora"
        return [Problem("dataset.chosen", "no training row holds a preference (a chosen and a rejected answer)", fix)]

    def training(self, available: int) -> Training:
        return replace(super().training(available), reads="chosen")

    def _run(self, run: TrainRun, loaded: Any) -> SftRun:
        return replace(super()._run(run, loaded), examples=_chosen(run.examples), validation=_chosen(run.validation))


def _chosen(examples: Sequence[Example]) -> list[Example]:
    return [replace(example, target=example.chosen) for example in examples if has_preference(example)]
