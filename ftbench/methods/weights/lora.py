"""LoRA: low-rank adapters over a frozen base."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from ftbench.core.components.weights import Trainable, Weights
from ftbench.core.errors import FtbenchError, Problem
from ftbench.core.training import Adapter
from ftbench.methods.adapters import add_lora, attached, resume_adapter, save_adapter
from ftbench.methods.merge import merged

ALL_LINEAR = "all-linear"


@dataclass(frozen=True)
class Lora(Weights):
    """Low-rank adaptation.

    Attributes:
        rank: of the two matrices.
        alpha: the update is scaled by alpha / rank.
        dropout: on the adapter's input.
        target_modules: ``all-linear`` (every linear layer but the output head) or a list of module names.
        rslora: scale by alpha / sqrt(rank) instead (Kalajdzievski 2023), so that high ranks keep learning.
        dora: learn the magnitude of each weight column apart from its direction (Liu et al. 2024); slower.
    """

    key_name: ClassVar[str] = "lora"
    mergeable: ClassVar[bool] = True

    rank: int
    alpha: float
    dropout: float
    target_modules: Any
    rslora: bool
    dora: bool

    def check(self) -> list[Problem]:
        problems = super().check()
        if self.rank < 1:
            problems.append(Problem("method.rank", f"{self.rank} is less than 1", "Give at least 1"))
        if not self.alpha > 0:
            problems.append(Problem("method.alpha", f"{self.alpha} switches the adapter off", "Give a number above 0"))
        if not 0 <= self.dropout < 1:
            why = f"{self.dropout} is no probability below 1"
            problems.append(Problem("method.dropout", why, "Give a number from 0 to below 1"))
        names = self.target_modules
        if isinstance(names, str):
            if names != ALL_LINEAR:
                fix = f"Give {ALL_LINEAR} or a list of names, [q_proj,v_proj]"
                problems.append(Problem("method.target_modules", f"{names!r} is not {ALL_LINEAR}", fix))
        elif not isinstance(names, (list, tuple)) or not names or not all(isinstance(name, str) for name in names):
            fix = f"Give {ALL_LINEAR} or a list of names, [q_proj,v_proj]"
            problems.append(Problem("method.target_modules", f"{names!r} is no list of names", fix))
        elif "lm_head" in names:
            why = "an adapter on lm_head would never be trained: the loss reads the head itself"
            problems.append(Problem("method.target_modules", why, "Remove lm_head"))
        return problems

    def cannot_follow(self, start: Weights) -> list[Problem]:
        """Returns why training cannot go on from the adapter of ``start``; its dropout may differ, which is part of the
        training and not of the weights.
        """
        if not isinstance(start, Lora):
            fix = "Use method=dpo_over_sft, or set method.start=null"
            return [Problem("method.start", f"{type(start).__name__} leaves no adapter to go on from", fix)]
        if type(start) is not type(self):
            why = f"{type(start).__name__} and {type(self).__name__} stand over different bases"
            return [Problem("method.start", why, "Use the same method.weights for both")]
        problems = []
        for name in sorted(one.name for one in fields(self) if one.name != "dropout"):
            if getattr(start, name) != getattr(self, name):
                why = (
                    f"{getattr(start, name)} is not the method.{name}={getattr(self, name)} of the adapter that is"
                    " trained on"
                )
                fix = f"Set method.{name} alone: method=dpo_over_sft hands it on"
                problems.append(Problem(f"method.start.weights.{name}", why, fix))
        return problems

    def adapter(self) -> Adapter:
        targets = None if self.target_modules == ALL_LINEAR else tuple(self.target_modules)
        return Adapter(self.rank, targets, self.dropout > 0, self.dora)

    def trainable(self, folder: Path, loaded: Any, start: Path | None) -> Trainable:
        names = self.target_modules if isinstance(self.target_modules, str) else list(self.target_modules)

        def fresh(model: Any) -> Any:
            try:
                return add_lora(model, self.rank, self.alpha, self.dropout, names, self.rslora, self.dora)
            except ValueError as error:
                raise FtbenchError(
                    f"method.target_modules={names}: {str(error).splitlines()[0]} Set it to {ALL_LINEAR}"
                ) from error

        def resumed(model: Any) -> Any:
            return resume_adapter(model, start, loaded.device)

        return Trainable(fresh if start is None else resumed, lambda model: save_adapter(model, folder, loaded))

    def attach(self, loaded: Any, folder: Path) -> AbstractContextManager[Any]:
        return attached(loaded, folder)

    def merge(self, loaded: Any, folder: Path) -> Any:
        return merged(loaded, folder)
