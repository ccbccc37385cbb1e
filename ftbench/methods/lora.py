"""LoRA: low-rank adapters over a frozen base."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftbench.core.errors import FtbenchError, Problem
from ftbench.core.protocols import TrainRun
from ftbench.core.training import Adapter, Training
from ftbench.methods.adapters import add_lora, attached, save_adapter
from ftbench.methods.merge import merged
from ftbench.methods.recipe import Tuned
from ftbench.methods.sft import SftRun, sft, sft_run

ALL_LINEAR = "all-linear"


@dataclass(frozen=True)
class Lora(Tuned):
    """Low-rank adaptation.

    Attributes:
        rank: of the two matrices.
        alpha: the update is scaled by alpha / rank.
        dropout: on the adapter's input.
        target_modules: ``all-linear`` (every linear layer but the output head) or a list of module names.
        rslora: scale by alpha / sqrt(rank) instead (Kalajdzievski 2023), so that high ranks keep learning.
        dora: learn the magnitude of each weight column apart from its direction (Liu et al. 2024); slower.
        the others: see ``ftbench.methods.recipe.Recipe``.
    """

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
            problems.append(Problem("method.dropout", f"{self.dropout} is no probability below 1", "Give a number from 0 to below 1"))
        names = self.target_modules
        if isinstance(names, str):
            if names != ALL_LINEAR:
                problems.append(Problem("method.target_modules", f"{names!r} is not {ALL_LINEAR}", f"Give {ALL_LINEAR} or a list of names, [q_proj,v_proj]"))
        elif not isinstance(names, (list, tuple)) or not names or not all(isinstance(name, str) for name in names):
            problems.append(Problem("method.target_modules", f"{names!r} is no list of names", f"Give {ALL_LINEAR} or a list of names, [q_proj,v_proj]"))
        elif "lm_head" in names:
            problems.append(Problem("method.target_modules", "an adapter on lm_head would never be trained: the loss reads the head itself", "Remove lm_head"))
        return problems

    def training(self, available: int) -> Training:
        targets = None if self.target_modules == ALL_LINEAR else tuple(self.target_modules)
        return self.described(available, Adapter(self.rank, targets, self.dropout > 0, self.dora), "base")

    def train(self, runs: Sequence[TrainRun], loaded: Any) -> list[dict[str, Any]]:
        return sft([self._run(run, loaded) for run in runs], loaded)

    @contextmanager
    def attach(self, loaded: Any, folder: Path) -> Iterator[Any]:
        with attached(loaded, folder):
            yield loaded

    def merge(self, loaded: Any, folder: Path) -> Any:
        """Returns the base with the adapter of ``folder`` merged into it, a transformers model; ``loaded`` is used up."""
        return merged(loaded, folder)

    def _run(self, run: TrainRun, loaded: Any) -> SftRun:
        names = self.target_modules if isinstance(self.target_modules, str) else list(self.target_modules)

        def adapt(model: Any) -> Any:
            try:
                return add_lora(model, self.rank, self.alpha, self.dropout, names, self.rslora, self.dora)
            except ValueError as error:
                raise FtbenchError(f"method.target_modules={names}: {str(error).splitlines()[0]} Set it to {ALL_LINEAR}") from error

        return sft_run(run, self, adapt, lambda model: save_adapter(model, run.folder, loaded))
