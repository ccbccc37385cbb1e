"""Loaded models, each made once per session; tests that change one must put it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftbench.compile.option import shipped as component
from tests.models.llama import write_llama


@pytest.fixture(scope="session")
def chat_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llama(tmp_path_factory.mktemp("chat"), chat=True)


@pytest.fixture(scope="session")
def plain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llama(tmp_path_factory.mktemp("plain"), chat=False, pad=False)


@pytest.fixture(scope="session")
def chat(chat_folder: Path):
    """``Loaded`` with a chat template; its end of turn ``<|end|>`` is not its EOS ``</s>``."""
    return component("model", "hf", name_or_path=str(chat_folder)).load("cpu")


@pytest.fixture(scope="session")
def plain(plain_folder: Path):
    """``Loaded`` without a chat template and without a pad token."""
    return component("model", "hf", name_or_path=str(plain_folder)).load("cpu")


@pytest.fixture(scope="session")
def stories(shared_data: Path):
    """``Loaded`` of the published stories260K."""
    return component("model", "hf", name_or_path=str(shared_data / "stories260K" / "hf")).load("cpu")


@pytest.fixture(scope="session")
def wide_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like ``chat_folder`` whose widths are multiples of 64, as 4-bit weights want them."""
    return write_llama(tmp_path_factory.mktemp("wide"), chat=True, hidden=64)


@pytest.fixture(scope="session")
def wide_nf4(wide_folder: Path):
    """``Loaded`` in 4 bits."""
    return component("model", "hf", name_or_path=str(wide_folder), quantization="nf4").load("cpu")
