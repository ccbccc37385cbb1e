"""Compiles a matrix, runs it and ranks its cells; the default command. Its --help is Hydra's.

python -m ftbench -m method=none,lora
python -m ftbench run -m +recipes=demo
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import ftbench
from ftbench.cli.hydra_app import run_hydra


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns 0, or 1 where a cell failed or was refused."""
    if list(argv) == ["--version"]:
        print(f"ftbench {ftbench.__version__}, Hydra {version('hydra-core')}")
        return 0
    return run_hydra(argv)
