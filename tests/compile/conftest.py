"""A composer over the shipped configuration, and over folders that a test adds to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from ftbench.compile.compose import Composer
from ftbench.core.shipped import CONF


@pytest.fixture
def composer() -> Iterator[Composer]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield Composer(GlobalHydra.instance().hydra.config_loader, "config")


@pytest.fixture
def composer_over(tmp_path: Path) -> Iterator[Callable[[dict[str, str]], Composer]]:
    """Returns a function: files (``method/mine.yaml`` -> text) -> a composer that finds them beside the shipped
    ones.
    """
    with ExitStack() as stack:

        def make(files: dict[str, str]) -> Composer:
            for name, text in files.items():
                path = tmp_path / "conf" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            stack.enter_context(initialize_config_dir(str(CONF), version_base="1.3"))
            return Composer(
                GlobalHydra.instance().hydra.config_loader, "config", [f"hydra.searchpath=[file://{tmp_path / 'conf'}]"]
            )

        yield make
