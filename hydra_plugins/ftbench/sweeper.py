"""The default sweeper: Hydra's BasicSweeper, less its composing of every job twice."""

from __future__ import annotations

from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.errors import ConfigCompositionException
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class MatrixSweeper(BasicSweeper):
    """Expands the product and leaves validation to the launcher, which validates all cells together."""

    def __init__(self, max_batch_size: int | None, params: dict[str, str] | None) -> None:
        if max_batch_size is not None:
            raise ConfigCompositionException(
                f"hydra.sweeper.max_batch_size={max_batch_size}: a split matrix cannot be compiled as one. Remove it; workers=N bounds what runs at once."
            )
        super().__init__(max_batch_size=None, params=params)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        if config.hydra.launcher._target_.rpartition(".")[2] != "LocalLauncher":
            self.validate_batch_is_legal = super().validate_batch_is_legal  # nobody else validates under another launcher
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def validate_batch_is_legal(self, batch: Any) -> None:
        """Does nothing: composing each job here costs 0.1 s a cell and reports the first failure only."""
