"""Writes a short recommendation out of a finished sweep; every sentence carries the numbers it rests on.

    python -m ftbench advise multirun/2026-11-23/10-30-00
    python -m ftbench advise multirun/2026-11-23/10-30-00 --json advice.json

Reads results.json and plan.json; nothing is measured or run. What is not known is not said.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ftbench.analysis.advice import advice
from ftbench.analysis.ceilings import CEILING
from ftbench.cli.parser import command
from ftbench.core.errors import FtbenchError
from ftbench.core.files import json_text, write_text
from ftbench.core.plan import Plan
from ftbench.sweep.folder import no_results, open_folder


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns 0.

    Raises:
        FtbenchError: one line for a folder that holds no finished sweep.
    """
    parser = command("advise", __doc__)
    parser.add_argument("sweep", type=Path, metavar="SWEEP", help="folder of a finished sweep")
    parser.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="write the sentences and their numbers to FILE, or print them",
    )
    words = parser.parse_args(argv)
    results, plan = read(words.sweep)
    said = advice(results, plan)
    data = json_text([asdict(one) for one in said])
    if words.json == "-":
        print(data, end="")
        return 0
    if words.json is not None:
        write_text(Path(words.json), data, asked=f"--json {words.json}")
    for one in said:
        print(textwrap.fill(one.text, 120, initial_indent="- ", subsequent_indent="  "))
    return 0


def read(folder: Path) -> tuple[dict[str, Any], Plan]:
    """Returns results and plan of a sweep's folder.

    Raises:
        FtbenchError: where either is missing, older than decisions, or ranks what cannot be deployed.
    """
    found = open_folder(folder)
    results, plan = found.results, found.plan
    if results is None:
        raise no_results(folder)
    if any(family.get("decision") is None or "pairs" not in family for family in results["families"]):
        raise FtbenchError(
            f"{folder}: was written before decisions were kept. Repeat the command that made it: finished stages are"
            " not run again"
        )
    bounds = {cell.id: cell.label for cell in plan.cells if not cell.deployable}
    ranked = next((bounds[cell] for family in results["families"] for cell in family["cells"] if cell in bounds), None)
    if ranked is not None:
        why = f"was written by a version that ranked {ranked}, which is a {CEILING}"
        raise FtbenchError(f"{folder}: {why}. Repeat the command that made it: finished stages are not run again")
    return results, plan
