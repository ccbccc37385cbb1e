"""Runs ftbench in a folder outside of it, with files out of ``docs/own.md``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

SMALL = (
    "dataset.train=24",
    "dataset.validation=4",
    "dataset.test=6",
    "validation=false",
    "decoding.latency_requests=0",
    "decoding.max_new_tokens=4",
    "statistics.resamples=100",
    "metrics=[exact_match]",
)


def page_file(name: str) -> str:
    """Returns the text of a file that the page shows."""
    page = (ROOT / "docs" / "own.md").read_text(encoding="utf-8")
    return re.search(rf"`{re.escape(name)}`:\n\n```(?:python|yaml)\n(.*?)```", page, re.DOTALL)[1]


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def run(folder: Path, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs a small matrix into the sweep folder and the store of this name."""
    places = [f"hydra.sweep.dir={name}", f"store.dir={name}-store"]
    return subprocess.run(
        [sys.executable, "-m", "ftbench", "--config-dir", "conf", "-m", *SMALL, *places, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
