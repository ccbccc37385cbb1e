"""Hydra's side of ``python -m ftbench``: the primary config, and what one job does under somebody else's launcher."""

from __future__ import annotations

from pathlib import Path

import hydra
from omegaconf import DictConfig

from ftbench.places import CONF


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
    from ftbench.launchers.local import CellNotDone
    from ftbench.launchers.rounds import searched
    from ftbench.launchers.sweep import run_compiled

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
    compiled = searched(compile_matrix(composer, words), lambda search: compile_matrix(composer, words, "run", search), folder, workers=1, threads=None)
    result = run_compiled(compiled, folder, workers=1, threads=None)
    if result.broken:
        raise CellNotDone(result.message)
    cell = compiled.jobs[0]
    return result.scores.get(cell) if cell else None
