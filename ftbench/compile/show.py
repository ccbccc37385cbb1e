"""The plan in words: one line, the whole table, and the refusals with where, why and fix."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Collection, Sequence

from ftbench.compile.matrix import Compiled
from ftbench.core.cell import Refusal
from ftbench.core.plan import Plan


PLACES = 8
"""How many places one reason names before it counts the rest."""


def summary(plan: Plan, cached: Collection[str]) -> str:
    """Returns such as ``6 cells, 19 stages, 7 cached, 1 refused``."""
    parts = [_count(len(plan.cells), "cell"), _count(len(plan.stages), "stage"), f"{len(set(plan.stages) & set(cached))} cached"]
    baselines = sum(cell.baseline for cell in plan.cells)
    if baselines:
        parts[0] += f" ({_count(baselines, 'baseline')} added)"
    if plan.excluded:
        parts.append(f"{plan.excluded} excluded")
    if plan.refusals:
        parts.append(f"{len(plan.refusals)} refused")
    return ", ".join(parts)


def plan_text(compiled: Compiled, cached: Collection[str]) -> str:
    """Returns the whole plan: each cell with its stages (``+`` to run, ``=`` cached, ``&`` shared with a cell above)."""
    plan = compiled.plan
    lines = [summary(plan, cached)]
    kinds = Counter(stage.kind for key, stage in plan.stages.items() if key not in cached)
    if kinds:
        lines.append("to run: " + ", ".join(f"{number} {kind}" for kind, number in kinds.items()))
    width = max([len(cell.label) for cell in plan.cells], default=0)
    lines += [""] * bool(plan.cells)
    seen: set[str] = set()
    for cell in plan.cells:
        shown = []
        for role, key in cell.stages.items():
            mark = "=" if key in cached else "&" if key in seen else "+"
            shown.append(f"{mark}{role} {key[:8]}")
            seen.add(key)
        lines.append(f"{cell.id}  {cell.label:<{width}}  {'baseline  ' if cell.baseline else ''}{'  '.join(shown)}")
    if plan.cells:
        lines += ["", "+ to run   = cached   & shared with a cell above   (ftbench explain KEY tells more)"]
    notes = dict.fromkeys([*compiled.notes, *(note for cell in plan.cells for note in cell.notes)])
    lines += [""] * bool(notes) + [f"note: {note}" for note in notes]
    if plan.cells:
        lines.append("forecast: none yet (hours and dollars are unknown, not zero)")
    if plan.refusals:
        lines += ["", refusal_text(plan.refusals)]
    return "\n".join(lines)


def refusal_text(refusals: Sequence[Refusal]) -> str:
    """Returns every reason once, with the places where it holds and the cells that it stops."""
    cells: dict[tuple[str, str, str], dict[str, None]] = {}
    for refusal in refusals:
        for problem in refusal.problems:
            cells.setdefault((problem["where"], problem["why"], problem["fix"]), {})[refusal.label] = None
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for (where, why, fix), labels in cells.items():
        reasons.setdefault((why, fix, ", ".join(labels)), []).append(where)
    lines = [f"refused ({_count(len(refusals), 'cell')}):"]
    for (why, fix, labels), places in reasons.items():
        lines.append(textwrap.fill(f"{_places(places)}: {why}. {fix}.".replace("..", "."), 116, initial_indent="  ", subsequent_indent="    "))
        lines.append("    in: " + textwrap.shorten(labels, 106, placeholder=" ..."))
    return "\n".join(lines)


def _places(places: Sequence[str]) -> str:
    """Returns such as ``train.jsonl:1, 2, 3 and 17 more``: the same thing wrong in many rows is one thing to mend."""
    shown = list(places[:PLACES])
    for index in range(len(shown) - 1, 0, -1):
        file, _, row = shown[index].rpartition(":")
        if row.isdigit() and shown[index - 1].rpartition(":")[0] == file:
            shown[index] = row
    more = len(places) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
