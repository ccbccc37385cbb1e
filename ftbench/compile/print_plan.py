"""The plan in words: one line, the whole table, and the refusals with where, why and fix."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Collection, Sequence

from ftbench.compile.learning_rate import rate_lines
from ftbench.compile.matrix import Compiled
from ftbench.core.cell import Refusal
from ftbench.core.plan import Plan
from ftbench.cost.forecast import LIGHT
from ftbench.cost.memory import GB
from ftbench.text.numbers import UNKNOWN, duration, money

PLACES = 8
"""How many places one reason names before it counts the rest."""


def summary(plan: Plan, cached: Collection[str]) -> str:
    """Returns such as ``6 cells, 19 stages, 7 cached, 1 refused``."""
    parts = [
        _count(len(plan.cells), "trial" if plan.searches and not plan.trials else "cell"),
        _count(len(plan.stages), "stage"),
        f"{len(set(plan.stages) & set(cached))} cached",
    ]
    baselines = sum(cell.baseline for cell in plan.cells)
    if baselines:
        parts[0] += f" ({_count(baselines, 'baseline')} added)"
    if plan.excluded:
        parts.append(f"{plan.excluded} excluded")
    if plan.refusals:
        parts.append(f"{len(plan.refusals)} refused")
    return ", ".join(parts)


def plan_text(compiled: Compiled, cached: Collection[str]) -> str:
    """Returns the whole plan: each cell with its stages (``+`` to run, ``=`` cached, ``&`` shared with a cell
    above).
    """
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
        kind = ("baseline  " if cell.baseline else "") + ("" if cell.deployable else "ceiling  ")
        lines.append(f"{cell.id}  {cell.label:<{width}}  {kind}{'  '.join(shown)}")
    lines += _searches(plan)
    if plan.cells:
        lines += ["", "+ to run   = cached   & shared with a cell above   (ftbench explain KEY tells more)"]
    notes = dict.fromkeys([*compiled.notes, *(note for cell in plan.cells for note in cell.notes)])
    lines += [""] * bool(notes) + [f"note: {note}" for note in notes]
    rates = dict.fromkeys(line for cell in plan.cells for line in rate_lines(cell.config, cell.choices["method"]))
    lines += [""] * bool(rates) + [*rates]
    if plan.forecast and plan.cells:
        lines += ["", *forecast_lines(plan)]
    if plan.refusals:
        lines += ["", refusal_text(plan.refusals)]
    return "\n".join(lines)


def forecast_lines(plan: Plan) -> list[str]:
    """Returns per cell the peak memory and what it is of, hours and dollars as if it ran alone, and the total with
    shared stages counted once.
    """
    made = plan.forecast or {}
    cells, whole = made.get("cells", {}), made.get("total", {})
    grid = [["forecast", "peak GB", "at", "of which GB", "time", "dollars", ""]]
    for cell in plan.cells:
        one = cells.get(cell.id, {})
        memory = sorted(
            ((name, amount / GB) for name, amount in (one.get("memory") or {}).items()), key=lambda term: -term[1]
        )
        parts = ", ".join(f"{name} {_gb(amount)}" for name, amount in memory[:3] if amount >= 0.001)
        peak = one.get("peak_bytes")
        basis = "" if one.get("seconds") is None else "calibrated" if one.get("calibrated") else "not calibrated"
        grid.append(
            [
                cell.label,
                UNKNOWN if peak is None else _gb(peak / GB),
                one.get("peak_stage") or "",
                parts,
                duration(one.get("seconds")),
                money(one.get("usd")),
                basis,
            ]
        )
    grid.append(
        ["all, shared stages and loads once", "", "", "", duration(whole.get("seconds")), money(whole.get("usd")), ""]
    )
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    lines = [
        "  ".join(
            text.ljust(width) if index in (0, 2, 3, 6) else text.rjust(width)
            for index, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in grid
    ]
    bases = dict.fromkeys(
        one["basis"]
        for own in made.get("stages", {}).values()
        for one in own.values()
        if one["basis"] and one["kind"] not in LIGHT
    )
    reasons = dict.fromkeys(
        [
            *whole.get("unknown", ()),
            *(reason for one in cells.values() for reason in one.get("unknown", ()) if not whole.get("unknown")),
        ]
    )
    notes = [
        *(
            f"rests on: {text}"
            for text in bases
            if not any(other != text and other.startswith(text) for other in bases)
        ),
        *(f"no forecast: {text}" for text in reasons),
    ]
    if whole.get("seconds") is not None and not any(
        one.get("seconds") for own in made["stages"].values() for one in own.values() if one["kind"] in LIGHT
    ):
        notes.append("preparing, indexing and scoring run on the CPU and are not in these times")
    return [*lines, *(textwrap.fill(note, 140, initial_indent="  ", subsequent_indent="    ") for note in notes)]


def _gb(amount: float) -> str:
    return f"{amount:.1f}" if amount >= 1 else f"{amount:.3f}"


def _searches(plan: Plan) -> list[str]:
    """Returns what ``effort`` is going to try for each approach, and that the second round is decided by it."""
    if not plan.searches or plan.trials:
        return []
    effort = plan.settings["effort"]
    granted = (
        f"{effort['trials']} trials"
        if effort["trials"] is not None
        else f"${effort['usd']:g} of trials, one to begin with"
    )
    lines = [
        "",
        f"first round, on the validation split: {granted} for each of {_count(len(plan.searches), 'approach')}",
    ]
    for search in plan.searches:
        fewer = (
            f" (all of its space, fewer than the {search.budget} granted)" if search.budget > len(search.trials) else ""
        )
        lines.append(f"  {search.label}: {len(search.trials)} of {_count(search.size, 'configuration')}{fewer}")
        lines += [f"    {name}: {', '.join(map(str, values))}" for name, values in search.space.items()]
        lines += [f"    left out: {text}" for text in search.left_out]
    lines.append(
        f"second round, decided by the first: the best configuration of each, seeds {effort['seeds']}, scored on test"
        " as well; not in the counts above"
    )
    return lines


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
        lines.append(
            textwrap.fill(
                f"{_places(places)}: {_stopped(why)} {_stopped(fix)}",
                116,
                initial_indent="  ",
                subsequent_indent="    ",
            )
        )
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


def _stopped(sentence: str) -> str:
    """Returns a sentence with one full stop at its end; dots within it stand for what is typed and stay."""
    return sentence if sentence.endswith(".") else f"{sentence}."


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}{'es' if word.endswith('ch') else 's'}"
