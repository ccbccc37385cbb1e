"""``hydra/launcher=local``: compile the whole matrix, run its plan on this machine, rank, hand each job its score."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, configure_log, run_job, setup_globals
from hydra.errors import ConfigCompositionException
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict

from ftbench.compile.compose import Composer
from ftbench.compile.matrix import compile_matrix
from ftbench.core.cell import AXES, axis_of
from ftbench.core.component import build
from ftbench.core.errors import FtbenchError
from ftbench.core.plan import FILE, Plan
from ftbench.execution.executors.base import Executor
from ftbench.sweep.batches import merge, refuse_batches
from ftbench.sweep.run_matrix import SweepResult, run_compiled, show_plan
from ftbench.sweep.search import searched


class CellNotDone(ConfigCompositionException):
    """Raised from a job whose cell failed or was refused. Hydra prints it as one line, without a traceback."""


def launch(
    context: HydraContext,
    config: DictConfig,
    jobs: Sequence[Sequence[str]],
    first: int,
    *,
    verb: str,
    workers: int,
    threads: int | None,
    executor: dict[str, Any],
) -> list[JobReturn]:
    """Runs one batch of jobs as one matrix.

    Args:
        context: Hydra's, with the config loader and callbacks.
        config: the composed master config; ``hydra.sweep.dir`` is where tables are written.
        jobs: overrides per job.
        first: number of the first job; above 0 under a sweeper that asks for one batch after the other.
        verb: ``run`` or ``plan``.
        workers: worker processes.
        threads: CPU threads per worker, or None.
        executor: node of what starts the workers.

    Returns:
        One JobReturn per job: the validation score, or CellNotDone.
    """
    for name, value in (("workers", workers), ("threads", 1 if threads is None else threads)):
        if type(value) is not int or value < 1:
            raise CellNotDone(
                f"hydra.launcher.{name}={value}: is no number of {name}. Set it to a whole number from"
                f" 1{', or null' if name == 'threads' else ''}"
            )
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    folder = Path(str(config.hydra.sweep.dir)).resolve()
    composer = Composer(
        context.config_loader, config.hydra.job.config_name, OmegaConf.to_container(config.hydra.overrides.hydra)
    )
    compiled = compile_matrix(composer, jobs, verb)
    if first and (folder / FILE).is_file():
        compiled = merge(Plan.read(folder / FILE), compiled)
    if verb == "plan":
        show_plan(compiled, folder, sys.stdout)
        result = SweepResult.planned(compiled)
        return [_planned(list(job), compiled.jobs[number], result) for number, job in enumerate(jobs)]
    try:
        starter = _executor(executor)
        refuse_batches(compiled.plan, first)
        compiled = searched(
            compiled,
            lambda search: compile_matrix(composer, jobs, verb, search),
            folder,
            executor=starter,
            threads=threads,
        )
        result = run_compiled(compiled, folder, executor=starter, threads=threads)
    except FtbenchError as error:
        raise CellNotDone(str(error)) from None
    return [
        _job(context, config, composer, list(job), first + number, compiled.jobs[number], result)
        for number, job in enumerate(jobs)
    ]


def _executor(node: dict[str, Any]) -> Executor:
    found = build(node, "hydra.launcher.executor")
    if not isinstance(found, Executor):
        raise FtbenchError(
            f"hydra.launcher.executor: {node['_target_']} is no executor. Derive it from"
            " ftbench.execution.executors.base.Executor"
        )
    return found


def _job(
    context: HydraContext,
    master: DictConfig,
    composer: Composer,
    overrides: list[str],
    number: int,
    cell: str | None,
    result: SweepResult,
) -> JobReturn:
    """Lets Hydra write the job's folder, call the callbacks and carry the return value, as for any other job."""
    if cell is not None and cell in result.not_composed:
        return _planned(overrides, cell, result)

    def task(_: DictConfig) -> float | None:
        if cell is not None and cell in result.broken:
            raise CellNotDone(result.message)
        return result.scores.get(cell) if cell is not None else None

    config = _job_config(master, composer, overrides, number)
    returned = run_job(
        hydra_context=context,
        task_function=task,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    configure_log(master.hydra.hydra_logging, master.hydra.verbose)
    return returned


def _planned(overrides: list[str], cell: str | None, result: SweepResult) -> JobReturn:
    """Returns a job for which nothing runs, and so no folder is made: one that is only planned, or that no config could
    be made for.
    """
    broken = cell is not None and cell in result.broken
    returned = JobReturn(overrides=overrides, status=JobStatus.FAILED if broken else JobStatus.COMPLETED)
    returned.return_value = CellNotDone(result.message) if broken else None
    return returned


def _job_config(master: DictConfig, composer: Composer, overrides: list[str], number: int) -> DictConfig:
    """Returns the full config of one job: the cell's own values beside the master's ``hydra`` node, which costs no
    second composition.
    """
    composed = composer.compose(overrides)
    config = OmegaConf.create({**composed.raw})
    with open_dict(config):
        config.hydra = master.hydra.copy()
        with open_dict(config.hydra):
            config.hydra.overrides.task = overrides
            other = {group: name for group, name in config.hydra.runtime.choices.items() if axis_of(group) not in AXES}
            config.hydra.runtime.choices = {**other, **composed.choices}
            config.hydra.job.id = str(number)
            config.hydra.job.num = number
            config.hydra.job.override_dirname = ",".join(composed.overrides)
    OmegaConf.copy_cache(from_config=master, to_config=config)
    return config
