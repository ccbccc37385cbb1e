"""Compiles the matrix and prints every cell, every stage, what is cached or shared, and what is refused and why.

    python -m ftbench plan -m method=none,lora
    python -m ftbench plan -m model=llama2_7b,llama2_13b method=none,lora hardware=h100

Loads no model and needs no GPU; writes plan.json into the sweep folder. Takes the same overrides and flags as a run
(python -m ftbench --help). Exit status 1 when a cell is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from ftbench.cli.hydra_app import run_hydra
from ftbench.cli.parser import command


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns 0, or 1 where a cell is refused."""
    if {"--help", "-h"} & set(argv):
        parser = command("plan", __doc__, usage="%(prog)s [HYDRA FLAGS AND OVERRIDES]")
        parser.print_help()
        return 0
    return run_hydra([*argv, "hydra.launcher.verb=plan"])
