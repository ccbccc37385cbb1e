"""Fixtures that many tests share. Tests run on the CPU, offline, and need nothing outside the checkout unless
marked.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import absl.logging
import hypothesis
import pytest

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
def shared_data() -> Path:
    """The folder of public data sets beside the project; tests that need it are marked ``shared_data``."""
    folder = Path(os.environ.get("FTBENCH_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs the public data sets in {folder}")
    return folder
