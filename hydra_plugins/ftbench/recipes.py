"""Makes ``+recipes=NAME`` work: a config source whose only group is ``recipes``, wherever ftbench is installed."""

from __future__ import annotations

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.search_path_plugin import SearchPathPlugin

from ftbench.compile.hydra_internals import file_config_source

GROUP = "recipes"


class RecipeSource(file_config_source()):
    """Reads ``recipes/NAME.yaml``; the folder stands beside ``conf/`` and must not drag its neighbors in as groups."""

    @staticmethod
    def scheme() -> str:
        return "recipes"

    def __init__(self, provider: str, path: str) -> None:
        from ftbench.core.shipped import RECIPES

        super().__init__(provider=provider, path=f"recipes://{Path(RECIPES).parent}")

    def available(self) -> bool:
        return super().is_group(GROUP)

    def is_group(self, config_path: str) -> bool:
        return config_path == "" or (_inside(config_path) and super().is_group(config_path))

    def is_config(self, config_path: str) -> bool:
        return _inside(config_path) and super().is_config(config_path)

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        if config_path == "":
            return [] if results_filter == ObjectType.CONFIG else [GROUP]
        return super().list(config_path, results_filter) if self.is_group(config_path) else []


def _inside(config_path: str) -> bool:
    return config_path == GROUP or config_path.startswith(GROUP + "/")


class RecipeSearchPath(SearchPathPlugin):
    """Adds the recipes to the search path of ftbench's own command line, and of no other Hydra application."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        from ftbench.core.shipped import CONF

        if any(
            item.provider == "main" and str(item.path).removeprefix("file://") == str(CONF)
            for item in search_path.get_path()
        ):
            search_path.append(provider="ftbench", path="recipes://ftbench")
