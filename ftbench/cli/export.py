"""Writes what a finished cell ships, as the standard folder that other programs load.

    # a prefix of a cell's id, or its label, in the newest sweep
    python -m ftbench export 3f9a1c2b4d --out my-adapter
    python -m ftbench export "tiny lora merged zero_shot" --out my-model --sweep multirun/2026-11-23/10-30-00

A peft folder for an adapter, a transformers folder for merged or whole weights; tokenizer and chat template as they
were scored, and a README that names base, revision, data and scores. Nothing is trained or converted: the bytes are
those that were scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ftbench.cli.parser import command
from ftbench.store.store import Store
from ftbench.sweep.export import CEILING_SCORES, export, find_cell
from ftbench.sweep.folder import RESULTS, newest, open_folder


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns 0."""
    parser = command("export", __doc__)
    parser.add_argument("cell", metavar="CELL", help="a cell's id, the beginning of one, or its label")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; must be new or empty")
    parser.add_argument(
        "--sweep", type=Path, help="folder of a sweep (default: the newest below ./multirun that was run)"
    )
    words = parser.parse_args(argv)
    plan = open_folder(words.sweep or newest(RESULTS)).plan
    cell = find_cell(plan, words.cell)
    export(plan, Store(plan.store), cell, words.out)
    print(f"{cell.label}: {words.out}")
    if not cell.deployable:
        print(f"note: {CEILING_SCORES}")
    return 0
