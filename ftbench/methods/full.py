"""Full fine-tuning: every weight of the base."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ftbench.core.errors import FtbenchError, Problem, did_you_mean
from ftbench.core.protocols import TrainRun
from ftbench.core.training import Training
from ftbench.methods.recipe import Tuned
from ftbench.methods.sft import SftRun, sft, sft_run
from ftbench.methods.whole import FOLDER, MASTERS, lent, open_weights


@dataclass(frozen=True)
class Full(Tuned):
    """Trains all weights and ships a transformers folder in the dtype of the base.

    Attributes:
        master_weights: ``float32`` holds the weights in float32 while they are trained, since bfloat16 rounds away steps
            below a 256th of a weight; ``base`` trains them in the base's dtype, for half the memory.
        the others: see ``ftbench.methods.recipe.Recipe``.
    """

    whole: ClassVar[bool] = True

    master_weights: str

    def check(self) -> list[Problem]:
        problems = super().check()
        if self.master_weights not in MASTERS:
            problems.append(Problem("method.master_weights", f"{self.master_weights!r} is none of its values", did_you_mean(self.master_weights, MASTERS)))
        return problems

    def training(self, available: int) -> Training:
        return self.described(available, None, self.master_weights)

    def train(self, runs: Sequence[TrainRun], loaded: Any) -> list[dict[str, Any]]:
        """Trains one run; the base is spent by it, so that several need a base each.

        Raises:
            FtbenchError: for more than one run.
        """
        if len(runs) > 1:
            raise FtbenchError(f"method=full trains one run per base, not {len(runs)}. Compile the plan again")
        return sft([self._run(run, loaded) for run in runs], loaded)

    @contextmanager
    def attach(self, loaded: Any, folder: Path) -> Iterator[Any]:
        with lent(loaded, folder):
            yield loaded

    def _run(self, run: TrainRun, loaded: Any) -> SftRun:
        close: list[Any] = []

        def adapt(model: Any) -> Any:
            close.append(open_weights(model, self.master_weights))
            return model

        def save(model: Any) -> None:
            from ftbench.models.save import save_model

            close[0]()
            save_model(model, loaded, run.folder / FOLDER)

        return sft_run(run, self, adapt, save)
