"""A composer over the shipped configuration, and over folders that a test adds to it.

Hydra takes a quarter of a second for each option that a composer meets first, so tests share the shipped one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from ftbench.compile.compose import Composer
from ftbench.core.shipped import CONF

_shipped: list[Composer] = []


@pytest.fixture
def composer() -> Iterator[Composer]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        if not _shipped:
            _shipped.append(Composer(GlobalHydra.instance().hydra.config_loader, "config"))
        yield _shipped[0]


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
            search = f"hydra.searchpath=[file://{tmp_path / 'conf'}]"
            return Composer(GlobalHydra.instance().hydra.config_loader, "config", [search])

        yield make
