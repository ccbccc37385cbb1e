"""Hydra's side of ``python -m ftbench``: the primary config, and what one job does under somebody else's launcher."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import hydra
import yaml
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from ftbench.core.cell import AXES, axis_of
from ftbench.core.errors import FtbenchError, did_you_mean
from ftbench.core.shipped import CONF

FULL = "HYDRA_FULL_ERROR"
"""Where set, Hydra raises what it would print as several lines of its own."""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def hydra_main(config: DictConfig) -> float | None:
    """Runs one job as a one-cell matrix and returns its validation score.

    Our own launcher never comes here: it sees the whole batch. ``hydra/launcher=joblib`` and ``hydra.mode=RUN`` do; the
    store's locks make it safe that such jobs know nothing of each other.
    """
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
    from hydra.core.hydra_config import HydraConfig

    from ftbench.compile.compose import Composer
    from ftbench.compile.matrix import compile_matrix
    from ftbench.execution.executors.local import LocalExecutor
    from ftbench.sweep.hydra_launcher import CellNotDone
    from ftbench.sweep.run_matrix import SweepResult, run_compiled, show_plan
    from ftbench.sweep.search import searched

    job = HydraConfig.get()
    search_path = ConfigSearchPathImpl()
    for source in job.runtime.config_sources:
        if source.path:
            scheme = f"{source.schema}://" if source.schema else ""
            search_path.append(provider=source.provider, path=f"{scheme}{source.path}")
    if not any(source.provider == "schema" for source in job.runtime.config_sources if source.path):
        search_path.append(provider="schema", path="structured://")
    composer = Composer(ConfigLoaderImpl(search_path), job.job.config_name, [])
    words, folder = [list(job.overrides.task)], Path(job.runtime.output_dir)
    if job.launcher.get("verb") == "plan":  # hydra.mode=RUN comes here whatever the launcher was told
        compiled = compile_matrix(composer, words, "plan")
        show_plan(compiled, folder, sys.stdout)
        planned = SweepResult.planned(compiled)
        if planned.broken:
            raise CellNotDone(planned.message)
        return None
    executor = LocalExecutor(workers=1)
    compiled = searched(
        compile_matrix(composer, words),
        lambda search: compile_matrix(composer, words, "run", search),
        folder,
        executor=executor,
        threads=None,
    )
    result = run_compiled(compiled, folder, executor=executor, threads=None)
    if result.broken:
        raise CellNotDone(result.message)
    cell = compiled.jobs[0]
    return result.scores.get(cell) if cell else None


def run() -> None:
    """Runs Hydra's command line in ``sys.argv``.

    Raises:
        FtbenchError: one line for what Hydra refuses; under ``HYDRA_FULL_ERROR=1`` Hydra's own exception passes.
    """
    if os.environ.get(FULL):
        hydra_main()
        return
    os.environ[FULL] = "1"
    try:
        hydra_main()
    except (HydraException, OmegaConfBaseException) as error:
        raise FtbenchError(in_words(error)) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise FtbenchError(
            f"{mark.name}:{mark.line + 1}: is no YAML that Hydra reads ({error.problem}). Mend the file"
            if mark
            else f"an option is no YAML ({error}). Mend it"
        ) from error
    finally:
        del os.environ[FULL]


def in_words(error: Exception) -> str:
    """Returns what Hydra complains of as one line with the fix; lines of our own as they are."""
    cause = error.__cause__
    if isinstance(cause, (HydraException, FtbenchError)):  # what a launcher or sweeper said while it was made
        return in_words(cause)
    text = str(error) + (f"\n{cause}" if isinstance(cause, OmegaConfBaseException) else "")
    if "Could not override 'hydra.launcher.verb'" in text:  # the word that plan adds
        return (
            "hydra/launcher: plan sees a whole matrix only under local, the default. Leave hydra/launcher out of a plan"
        )
    group = re.search(r"Could not override '([^'@]+/[^'@]+)'", text)
    if group and (axis := axis_of(group[1])) in AXES:
        return f"{group[1]}: the {axis} of this cell has none. Choose another {axis}=..., or leave it out"
    if missing := re.search(r"Could not find '([^']*)/([^/']*)'", text):
        group, name = missing.groups()
        options = re.findall(r"^\t(?!provider=)(\S+)$", text, re.MULTILINE)
        plugins = (
            f". Others come with their plug-in: pip install hydra-NAME-{group.rpartition('/')[2]}"
            if group.startswith("hydra/")
            else ""
        )
        return f"{group}={name}: no such {group}. {did_you_mean(name, options)}{plugins}"
    if isinstance(error, OverrideParseException):
        why = next(
            (line for line in text.splitlines() if line.strip() and not line.startswith(("Error parsing", "See "))), ""
        )
        return (
            f"{error.override}: Hydra cannot read it ({why}). Write key=value; quote what holds brackets, braces or"
            " commas, for the shell and for Hydra: 'key=\"value\"'"
        )
    if not type(error).__module__.startswith(("hydra.", "omegaconf.")) or ": " in text.splitlines()[0]:
        return text
    kept = [
        line.strip()
        for line in text.partition("Config search path")[0].splitlines()
        if line.strip() and not line.strip().startswith(("full_key", "object_type", "See https"))
    ]
    return "; ".join(line.rstrip(".") for line in kept)
