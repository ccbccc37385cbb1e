"""What people said, beside what the metrics say: ``results.json`` under ``review``, a section of ``leaderboard.md``,
lines on the terminal.

Read from ``SWEEP/review/conclusions.json``, which ``review import`` writes; a sweep that nobody reviewed has none of
it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ftbench.core.files import write_json, write_text
from ftbench.stats.preference import winner_first
from ftbench.text.markdown import bullets, literal, table
from ftbench.text.numbers import figure
from ftbench.text.terminal import printable

CONCLUSIONS = Path("review") / "conclusions.json"
START, END = "<!-- human review -->", "<!-- end of human review -->"


def read_review(folder: Path, cells: Collection[str]) -> dict[str, Any] | None:
    """Returns the conclusions of a sweep's review, each pair with its winner first.

    None where there are none, or they are about other cells than these.
    """
    try:
        found = json.loads((folder / CONCLUSIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not set(found.get("systems", {})) <= set(cells):
        return None
    return {**found, "pairs": [winner_first(pair) for pair in found.get("pairs") or ()]}


def as_dict(found: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what ``results.json`` holds: per cell the human win rate and Bradley-Terry strength with their n, and
    each metric's trust.
    """
    strengths = {one["system"]: one for one in (found["bradley_terry"] or {"strengths": []})["strengths"]}
    cells = {
        one["system"]: {
            "rank": one["rank"],
            "human_win_rate": {
                **one["win_rate"],
                "n": one["n"],
                "clusters": one["clusters"],
                "verdicts": one["verdicts"],
            },
            "bradley_terry": strengths.get(one["system"]),
        }
        for one in found["ranking"]
    }
    finite = None if found["bradley_terry"] is None else found["bradley_terry"]["finite"]
    return {
        "cells": cells,
        "bradley_terry_finite": finite,
        "pairs": found["pairs"],
        "metrics": found["metrics"],
        "counts": found["counts"],
        "file": str(CONCLUSIONS),
    }


def rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Returns head and rows of the small table: rank, cell, human win rate, strength, n."""
    strengths = {one["system"]: one for one in (found["bradley_terry"] or {"strengths": []})["strengths"]}
    mark = "" if found["bradley_terry"] is None or found["bradley_terry"]["finite"] else " (regularised)"
    grid = [["rank", "cell", f"human win rate [{found['settings']['confidence']:.0%}]", f"Bradley-Terry{mark}", "n"]]
    for one in found["ranking"]:
        best, worst = one["rank"]
        strength = strengths.get(one["system"])
        shown = "n/a" if strength is None else figure(strength["ability"], strength["low"], strength["high"], 2)
        rate = one["win_rate"]
        grid.append(
            [
                str(best) if best == worst else f"{best}-{worst}",
                found["systems"][one["system"]],
                figure(rate["value"], rate["low"], rate["high"], 2),
                shown,
                str(one["n"]),
            ]
        )
    return grid


def trust(found: Mapping[str, Any], metric: str) -> str | None:
    """Returns how often a metric orders two answers as people do, for beside its ranks; None where people decided
    nothing.
    """
    one = next(
        (
            entry
            for entry in found.get("metrics") or ()
            if entry["metric"] == metric and entry["accuracy"]["value"] is not None
        ),
        None,
    )
    if one is None:
        return None
    accuracy = one["accuracy"]
    often = figure(accuracy["value"], accuracy["low"], accuracy["high"], 2)
    return (
        f"{metric} orders two answers as people do in {often} of the {one['decided']} comparisons that they decided;"
        " 0.5 is a coin."
    )


def markdown(found: Mapping[str, Any], primary: str) -> str:
    """Returns the section of the leaderboard."""
    head, *body = rows(found)
    lines = [START, "## Human review", "", *table(head, [[*map(literal, row)] for row in body])]
    said = trust(found, primary)
    return "\n".join([*lines, "", *bullets([said] if said else []), END]) + "\n"


def review_lines(folder: Path, primary: str, cells: Collection[str]) -> list[str]:
    """Returns the lines that stand below the ranked table of a sweep; none where nobody reviewed these cells."""
    found = read_review(folder, cells)
    if found is None:
        return []
    grid = [[printable(text) for text in row] for row in rows(found)]
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    lines = [
        "  ".join(
            text.ljust(size) if place == 1 else text.rjust(size)
            for place, (text, size) in enumerate(zip(row, widths, strict=True))
        )
        for row in grid
    ]
    said = trust(found, primary)
    return ["", *lines, *([said] if said else [])]


def refresh(folder: Path) -> None:
    """Puts the conclusions into a finished sweep's ``results.json`` and ``leaderboard.md``."""
    results, board = folder / "results.json", folder / "leaderboard.md"
    if not results.is_file():
        return
    data = json.loads(results.read_text(encoding="utf-8"))
    found = read_review(folder, {cell["cell_id"] for cell in data["cells"]})
    if found is None:
        return
    write_json(results, {**data, "review": as_dict(found)})
    if board.is_file():
        text = board.read_text(encoding="utf-8")
        before, start, rest = text.partition(START)
        after = rest.partition(END)[2].lstrip("\n") if start else ""
        write_text(
            board, f"{before.rstrip()}\n\n{markdown(found, data['primary_metric'])}" + (f"\n{after}" if after else "")
        )
