"""``python -m ftbench``: routes to a command, which is the first word; without one, ``run`` gets all words.

    python -m ftbench -m method=none,lora
    python -m ftbench plan -m model=llama2_7b method=none,lora
    python -m ftbench report

A command's module is imported when it is asked for, so that ``--help`` and ``plan`` load nothing heavy.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Sequence

from ftbench.cli.errors import UsageError, mask_streams, status_of
from ftbench.core.errors import did_you_mean

COMMANDS = (
    "advise",
    "calibrate",
    "compare",
    "explain",
    "export",
    "fetch",
    "gc",
    "plan",
    "report",
    "review",
    "run",
    "score",
    "verify",
)
"""Modules of this room with ``main(argv) -> exit status``."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line and returns its exit status (0 done, 1 failed or refused, 2 misspelled, 130 interrupted)."""
    if argv is None:
        mask_streams()
    return status_of(lambda: _route(list(sys.argv[1:] if argv is None else argv)))


def _route(words: list[str]) -> int:
    name = words.pop(0) if words and re.fullmatch(r"[a-z]+", words[0]) else "run"
    if name not in COMMANDS:
        raise UsageError(f"{name}: no such command. {did_you_mean(name, COMMANDS)}")
    return importlib.import_module(f"ftbench.cli.{name}").main(words)
