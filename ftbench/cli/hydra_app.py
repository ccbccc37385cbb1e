"""Hydra's side of ``python -m ftbench``: the primary config, and what one job does under somebody else's launcher."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ftbench.cli.errors import UsageError, hydra_errors_in_words
from ftbench.cli.overrides import for_hydra
from ftbench.compile.compose import Composer
from ftbench.compile.hydra_internals import loader_of_job
from ftbench.compile.no_secrets import filed_secrets, typed_secrets
from ftbench.core.errors import Refused
from ftbench.core.shipped import CONF


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def hydra_main(config: DictConfig) -> float | None:
    """Runs one job as a one-cell matrix and returns its validation score.

    Our own launcher never comes here: it sees the whole batch. ``hydra/launcher=joblib`` and ``hydra.mode=RUN`` do; the
    store's locks make it safe that such jobs know nothing of each other.
    """
    from ftbench.compile.matrix import compile_matrix
    from ftbench.execution.executors.local import LocalExecutor
    from ftbench.sweep.folder import held
    from ftbench.sweep.hydra_launcher import CellNotDone
    from ftbench.sweep.run_matrix import SweepResult, run_compiled, show_plan
    from ftbench.sweep.search import searched

    job = HydraConfig.get()
    composer = Composer(loader_of_job(job.runtime.config_sources), job.job.config_name, [])
    overrides, folder = [list(job.overrides.task)], Path(job.runtime.output_dir)
    with held(folder):
        if job.launcher.get("verb") == "plan":  # hydra.mode=RUN comes here whatever the launcher was told
            compiled = compile_matrix(composer, overrides, "plan")
            show_plan(compiled, folder, sys.stdout)
            planned = SweepResult.planned(compiled)
            if planned.broken:
                raise CellNotDone(planned.message)
            return None
        executor = LocalExecutor(workers=1)
        compiled = searched(
            compile_matrix(composer, overrides),
            lambda search: compile_matrix(composer, overrides, "run", search),
            folder,
            executor=executor,
            threads=None,
        )
        result = run_compiled(compiled, folder, executor=executor, threads=None)
        if result.broken:
            raise CellNotDone(result.message)
        cell = compiled.jobs[0]
        return result.scores.get(cell) if cell else None


def run_hydra(overrides: Sequence[str]) -> int:
    """Runs Hydra's command line with these overrides and flags; returns the exit status.

    Raises:
        UsageError: for a secret among them, or a flag that Hydra does not have.
        FtbenchError: one line for each thing that is misspelled or that Hydra refuses.
    """
    _refuse_secrets(overrides)
    sys.argv = ["ftbench", *for_hydra(overrides)]
    try:
        with hydra_errors_in_words():
            hydra_main()
    except SystemExit as status:
        return status.code if isinstance(status.code, int) else 0 if status.code is None else 1
    return 0


def _refuse_secrets(overrides: Sequence[str]) -> None:
    """Refuses secrets in words and files: Hydra keeps what was typed and composed in multirun.yaml and .hydra/."""
    if typed := typed_secrets(overrides):
        raise UsageError("\n".join(map(str, typed)))
    if filed := filed_secrets(overrides):
        raise Refused(filed)
