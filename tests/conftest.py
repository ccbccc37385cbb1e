"""Fixtures that many tests share. Tests run on the CPU, offline, and need nothing outside the checkout unless
marked.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import absl.logging
import hypothesis
import pytest
from filelock import FileLock

hypothesis.settings.register_profile("ftbench", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("ftbench")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # read when torch starts; results are byte-equal only for one thread count
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# rouge_score brings absl along, whose log handler closes the stream that it was made with whenever logging is set up
# anew, as Hydra does. Under pytest that stream is the file that pytest captures into; this one it leaves alone.
absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Returns ``built_once(name, build)``: a folder that one of the test processes builds and all of them read."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def folder(name: str, build: Callable[[Path], object]) -> Path:
        made, whole = shared / name, shared / f"{name}.built"
        with FileLock(shared / f"{name}.lock"):
            if not whole.exists():
                shutil.rmtree(made, ignore_errors=True)
                made.mkdir()
                build(made)
                whole.touch()
        return made

    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets beside the project; tests that need it are marked ``shared_data``."""
    folder = Path(os.environ.get("FTBENCH_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs the public data sets in {folder}")
    return folder
