"""A composer over the shipped configuration, and over folders that a test adds to it.

Hydra takes a quarter of a second for each option that a composer meets first, so tests share composers.
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

_made: dict[tuple[tuple[str, str], ...] | None, Composer] = {}
"""Files beside the shipped ones, None for no folder of their own -> the composer over both."""


@pytest.fixture
def composer() -> Iterator[Composer]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        if None not in _made:
            _made[None] = Composer(GlobalHydra.instance().hydra.config_loader, "config")
        yield _made[None]


@pytest.fixture
def composer_over(tmp_path: Path) -> Iterator[Callable[[dict[str, str]], Composer]]:
    """Returns a function: files (``method/mine.yaml`` -> text) -> a composer that finds them beside the shipped
    ones.
    """
    with ExitStack() as stack:

        def make(files: dict[str, str]) -> Composer:
            stack.enter_context(initialize_config_dir(str(CONF), version_base="1.3"))
            held = tuple(sorted(files.items()))
            if held not in _made:
                folder = tmp_path / f"conf{len(_made)}"
                for name, text in files.items():
                    path = folder / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text, encoding="utf-8")
                search = f"hydra.searchpath=[file://{folder}]"
                _made[held] = Composer(GlobalHydra.instance().hydra.config_loader, "config", [search])
            return _made[held]

        yield make
