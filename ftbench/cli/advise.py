"""Writes a short recommendation out of a finished sweep; every sentence carries the numbers it rests on.

    python -m ftbench advise multirun/2026-11-23/10-30-00
    python -m ftbench advise multirun/2026-11-23/10-30-00 --json advice.json

Reads results.json and plan.json; nothing is measured or run. What is not known is not said.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ftbench.analysis.advice import Advice, FamilyAdvice
from ftbench.analysis.ceilings import CEILING, nothing_to_choose
from ftbench.analysis.label_efficiency import lines
from ftbench.cli.parser import command
from ftbench.core.errors import FtbenchError
from ftbench.core.files import json_text, write_text
from ftbench.core.plan import FILE, Plan


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
    path = folder / "results.json"
    if not path.is_file() or not (folder / FILE).is_file():
        raise FtbenchError(
            f"{folder}: holds no results.json and {FILE}. Name the folder of a finished sweep (multirun/DATE/TIME)"
        )
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        plan = Plan.read(folder / FILE)
    except (ValueError, KeyError) as error:
        raise FtbenchError(f"{folder}: cannot be read ({error}). Repeat the command that made it") from None
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


def advice(results: Mapping[str, Any], plan: Plan) -> list[Advice]:
    """Returns the sentences, family by family."""
    cells = {cell["cell_id"]: cell for cell in results["cells"]}
    said: list[Advice] = []
    for family in results["families"]:
        told = FamilyAdvice(family, cells, results, plan)
        said += [
            *told.choice(),
            *told.methods(),
            *told.equivalents(),
            *told.undecided(),
            *told.elsewhere(),
            *told.load(),
            *told.constraints(),
            *told.amounts(),
            *told.knowledge(),
        ]
    said += [
        Advice("labels", text, dict(curve))
        for curve, text in zip(
            results.get("label_efficiency", ()),
            lines(results.get("label_efficiency", ()), results["primary_metric"]),
            strict=True,
        )
    ]
    metric = results["primary_metric"]
    scored = [cell for cell in cells.values() if cell["scores"].get(metric, {}).get("value") is not None]
    bounds = [cell for cell in scored if cell.get("deployable") is False]
    if not results["families"] and bounds:
        said.append(Advice("choice", nothing_to_choose(len(bounds), metric), {"cells": len(cells)}))
    if not said:
        said.append(
            Advice(
                "choice",
                f"0 of {len(cells)} cells have a value of {results['primary_metric']}, so there is nothing to choose"
                " between.",
                {"cells": len(cells)},
            )
        )
    return said
