"""All that ftbench takes from ``hydra._internal``, which Hydra may change in any release.

No other file imports it, and ``tests/compile/test_hydra_internals.py`` names the versions of hydra-core that it fits.
ftbench's plug-ins import it in every Hydra application, so it stays light.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra._internal.config_loader_impl import ConfigLoaderImpl as ConfigLoader
from hydra._internal.config_repository import IConfigRepository as ConfigRepository
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.conf import ConfigSourceInfo

if TYPE_CHECKING:
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra._internal.core_plugins.file_config_source import FileConfigSource

__all__ = ["ConfigLoader", "ConfigRepository"]


def loader_over(conf: Path, config_dirs: Sequence[Path] = ()) -> ConfigLoader:
    """Returns a loader over a folder of options, its plug-ins' search paths, and what ``--config-dir`` named."""
    search_path = create_config_search_path(str(conf))
    for folder in config_dirs:
        search_path.append(provider="command-line", path=f"file://{folder.resolve()}")
    return ConfigLoader(search_path)


def loader_of_job(sources: Iterable[ConfigSourceInfo]) -> ConfigLoader:
    """Returns a loader over the sources that a running job was composed from (``hydra.runtime.config_sources``)."""
    search_path = ConfigSearchPathImpl()
    paths = [source for source in sources if source.path]
    for source in paths:
        scheme = f"{source.schema}://" if source.schema else ""
        search_path.append(provider=source.provider, path=f"{scheme}{source.path}")
    if not any(source.provider == "schema" for source in paths):
        search_path.append(provider="schema", path="structured://")
    return ConfigLoader(search_path)


def repository_of(loader: ConfigLoader, config_name: str, hydra_overrides: Sequence[str]) -> ConfigRepository:
    """Returns the options on the search path; Hydra's own way of making it alone knows ``hydra.searchpath``."""
    return loader._parse_overrides_and_create_caching_repo(config_name, list(hydra_overrides))[1]


def flags() -> dict[str, bool]:
    """Returns the flags of Hydra's command line (``--multirun``, ``-m``) -> whether a value follows."""
    return {flag: action.nargs != 0 for action in get_args_parser()._actions for flag in action.option_strings}


def basic_sweeper() -> type[BasicSweeper]:
    """Returns Hydra's default sweeper as it is now.

    When Hydra looks for plug-ins, it runs the files of its own once more; classes that were imported before are dead.
    """
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    return BasicSweeper


def file_config_source() -> type[FileConfigSource]:
    """Returns what reads options from folders, as it is now (see ``basic_sweeper``)."""
    from hydra._internal.core_plugins.file_config_source import FileConfigSource

    return FileConfigSource
