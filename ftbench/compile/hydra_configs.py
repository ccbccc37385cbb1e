"""What Hydra itself composes, each distinct list of overrides once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.types import RunMode
from omegaconf import OmegaConf

from ftbench.compile.hydra_internals import ConfigLoader

Choices = dict[str, "str | None"]
"""Config group -> option; None where a defaults list names the group and chooses nothing."""


class HydraConfigs:
    """Hydra's compositions under one primary config, unresolved.

    Args:
        loader: Hydra's config loader.
        config_name: name of the primary config.
        hydra_overrides: common to all jobs.
    """

    def __init__(self, loader: ConfigLoader, config_name: str, hydra_overrides: Sequence[str]) -> None:
        self.loader = loader
        self.config_name = config_name
        self.hydra_overrides = list(hydra_overrides)
        self._known: dict[tuple[str, ...], tuple[dict[str, Any], Choices]] = {}

    def compose(self, words: Sequence[str]) -> tuple[dict[str, Any], Choices]:
        """Returns the config, the ``hydra`` node included, and its choices (0.1 s the first time)."""
        memo = tuple(words)
        if memo not in self._known:
            config = self.loader.load_configuration(self.config_name, [*self.hydra_overrides, *words], RunMode.RUN)
            choices = {
                group: name
                for group, name in config.hydra.runtime.choices.items()
                if name is None or isinstance(name, str)
            }
            self._known[memo] = OmegaConf.to_container(config, resolve=False), choices
        return self._known[memo]

    def with_parts(
        self, words: Sequence[str], wanted: Mapping[str, str]
    ) -> tuple[dict[str, Any], Choices, dict[str, str]]:
        """Composes with those of the wanted sub-axes that there are, outer ones first: an inner one belongs to its
        outer one's option.

        Returns:
            Config, choices, and the sub-axes that were set.
        """
        taken: dict[str, str] = {}
        while True:
            config, choices = self.compose([*words, *(f"{group}={name}" for group, name in taken.items())])
            more = [group for group in wanted if group not in taken and group in choices]
            if not more:
                return config, choices, taken
            depth = min(group.count("/") for group in more)
            taken |= {group: wanted[group] for group in more if group.count("/") == depth}

    def node(self, group: str, name: str, parts: Mapping[str, str]) -> Any:
        """Returns the unresolved node of one option alone, with other options of its sub-axes."""
        search = [text for text in self.hydra_overrides if text.lstrip("+").startswith("hydra.searchpath")]
        inside = [
            f"{sub}@_node_.{sub.removeprefix(group)[1:].replace('/', '.')}={chosen}" for sub, chosen in parts.items()
        ]
        config = self.loader.load_configuration(
            None, [*search, f"+{group}@_node_={name}", *inside], RunMode.RUN, from_shell=False
        )
        return OmegaConf.to_container(config._node_, resolve=False)
