"""The default sweeper: Hydra's BasicSweeper, less its composing of every job twice."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import CompactHydraException, ConfigCompositionException
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from ftbench.compile.hydra_internals import basic_sweeper


class MatrixSweeper(basic_sweeper()):
    """Expands the product and leaves validation to the launcher, which validates all cells together."""

    def __init__(self, max_batch_size: int | None, params: dict[str, str] | None) -> None:
        if max_batch_size is not None:
            raise ConfigCompositionException(
                f"hydra.sweeper.max_batch_size={max_batch_size}: a split matrix cannot be compiled as one. Remove it;"
                " workers=N bounds what runs at once."
            )
        super().__init__(max_batch_size=None, params=params)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        if config.hydra.launcher._target_.rpartition(".")[2] != "LocalLauncher":
            self.validate_batch_is_legal = (
                super().validate_batch_is_legal
            )  # nobody else validates under another launcher
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        if not self.params:
            return
        from ftbench.compile.compose import Composer

        composer = Composer(
            hydra_context.config_loader,
            config.hydra.job.config_name,
            OmegaConf.to_container(config.hydra.overrides.hydra),
        )
        self.params = {composer.groups.spelled(str(key)): value for key, value in self.params.items()}

    def sweep(self, arguments: list[str]) -> Any:
        """Runs the sweep; what went wrong is said once, in our own words.

        Raises:
            Refused: where the config holds a secret.
            FtbenchError: where another process runs a sweep in this folder.
            SystemExit: with status 1 where a cell failed or was refused. Hydra would name the first such job, print its
                overrides and advise to set HYDRA_FULL_ERROR, below a table that says it all.
        """
        from ftbench.compile.no_secrets import refuse_secrets
        from ftbench.sweep.folder import held
        from ftbench.text.secrets import scrub

        # Before anything is written: BasicSweeper keeps this config in multirun.yaml.
        refuse_secrets([OmegaConf.to_container(self.config, resolve=False)])
        folder = Path(str(self.config.hydra.sweep.dir))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigCompositionException(
                f"hydra.sweep.dir={folder}: cannot be made ({error.strerror}). Set hydra.sweep.dir=FOLDER"
            ) from None
        launch = self.launcher.launch

        def told(jobs: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
            returned = launch(jobs, initial_job_idx=initial_job_idx)
            failed = [
                job
                for job in returned
                if job.status == JobStatus.FAILED and isinstance(job._return_value, CompactHydraException)
            ]
            if failed:
                print(f"ftbench: {scrub(str(failed[0]._return_value))}", file=sys.stderr)
                raise SystemExit(1)
            return returned

        self.launcher.launch = told
        with held(folder):
            return super().sweep(arguments)

    def validate_batch_is_legal(self, batch: Any) -> None:
        """Does nothing: composing each job here costs 0.1 s a cell and reports the first failure only."""
