"""The base class of the method axis: what happens to the weights.

Light, as all components are: they are imported while planning, so torch, transformers, peft and trl may be imported
only inside the functions marked *heavy*.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ftbench.core.component import Component
from ftbench.core.components.names import name_of
from ftbench.core.errors import FtbenchError
from ftbench.core.lowering import AddStage, Lowered
from ftbench.core.training import Training, TrainRun


@dataclass(frozen=True)
class Method(Component):
    """What happens to the weights; by default nothing.

    Attributes:
        saves_model: the weights are a transformers folder ``model``, which is loaded in the place of the base.
        mergeable: whether ``merge`` works; without it ``artifact=merged`` is not offered.
        control: option of the method axis that a gain must be compared with, which ``matrix.baselines=auto`` adds; or
            None.
        train_context: share of the training rows that carry what the cell's context retrieves, or None.
    """

    axis: ClassVar[str] = "method"
    saves_model: ClassVar[bool] = False
    mergeable: ClassVar[bool] = False
    control: ClassVar[str | None] = None
    train_context: ClassVar[float | None] = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """What tells this method from others, whatever their values: here its class."""
        return (name_of(type(self)),)

    def base(self, model: Any) -> Any:
        """Returns the model that the weights stand over: the cell's own, or a quantized one."""
        return model

    def lower(self, add: AddStage, cell: Lowered) -> str | None:
        """Adds the stages that make this method's weights; returns the key of the one that holds them, None for the
        base.
        """
        return None

    def training(self, available: int) -> Training | None:
        """Returns what is trained on so many rows, for the forecast; None where nothing is, or where nothing can be
        said.
        """
        return None

    def train(self, runs: Sequence[TrainRun], loaded: Any) -> list[dict[str, Any]]:
        """*Heavy.* Trains each run over the loaded base and writes weights, curve and masked example into
        ``run.folder``.

        Leaves ``loaded`` exactly as it found it. Returns one dict per run, with ``tokens`` and ``details`` for the
        receipt.
        """
        raise FtbenchError(f"{type(self).__name__} trains nothing, yet a plan asks it to. Compile the plan again")

    def attach(self, loaded: Any, folder: Path | None) -> AbstractContextManager[Any]:
        """*Heavy.* Context manager: inside it, ``loaded`` answers with the weights in ``folder``."""
        return nullcontext(loaded)

    def merge(self, loaded: Any, folder: Path) -> Any:
        """*Heavy.* Returns the base with the weights of ``folder`` merged into it, a transformers model; ``loaded`` is
        used up.
        """
        raise FtbenchError("artifact=merged: this method's weights cannot be merged. Compile the plan again")
