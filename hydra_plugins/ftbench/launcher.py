"""The launcher that sees the whole matrix: ``hydra/launcher=local``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class LocalLauncher(Launcher):
    """Hands the batch to ``ftbench.sweep.hydra_launcher``.

    Args:
        verb: ``run`` or ``plan``.
        workers: number of worker processes.
        threads: CPU threads per worker, or None for torch's own choice.
        executor: node of what starts the workers.
    """

    def __init__(self, verb: str, workers: int, threads: int | None, executor: dict[str, Any]) -> None:
        self.verb = verb
        self.workers = workers
        self.threads = threads
        self.executor = executor

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from ftbench.sweep.hydra_launcher import launch

        return launch(
            self.hydra_context,
            self.config,
            [list(overrides) for overrides in job_overrides],
            initial_job_idx,
            verb=self.verb,
            workers=self.workers,
            threads=self.threads,
            executor=self.executor,
        )
