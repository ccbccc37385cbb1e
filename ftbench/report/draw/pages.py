"""The plan's page."""

from __future__ import annotations

from collections.abc import Callable

from ftbench.report.draw.pieces import facts, note, piece, table, tag
from ftbench.report.view.plan_page import PlanPage
from ftbench.text import numbers
from ftbench.text.html import escaped

MOST_CELLS = 300


def plan_head(page: PlanPage) -> str:
    """Returns counts, axes and how far it is."""
    state = "running" if page.running else "finished" if page.done == page.stages else "not complete"
    counts = [
        ("state", state),
        ("cells", numbers.count(len(page.cells))),
        *([("trials", numbers.count(page.trials))] if page.trials else []),
        ("stages", f"{page.done:,} of {page.stages:,} done"),
        ("failed", numbers.count(page.failed)),
        ("shared stages", numbers.count(page.shared)),
        ("refused", numbers.count(len(page.refusals))),
        ("excluded", numbers.count(page.excluded)),
    ]
    axes = [
        (axis, ", ".join(options[:8]) + (f" and {len(options) - 8} more" if len(options) > 8 else ""))
        for axis, options in page.axes.items()
    ]
    return piece(facts(counts), "<h3>Matrix</h3>", facts(axes))


def plan_cells(page: PlanPage, link: Callable[[str], str] | None = None) -> str:
    """Returns every cell with its stages."""
    if not page.cells:
        return piece(note("Every cell was refused."))
    rows, stopped = [], any(cell["reason"] for cell in page.cells)
    for cell in page.cells[:MOST_CELLS]:
        name = f'<a href="{escaped(link(cell["id"]))}">{escaped(cell["label"])}</a>' if link else escaped(cell["label"])
        status = cell["status"] or ("done" if cell["done"] == cell["stages"] else "waiting")
        kind = {"done": "green", "failed": "red", "waiting": "grey"}.get(status, "amber")
        name += " " + tag("baseline", "grey") if cell["baseline"] else ""
        name += "" if cell["deployable"] else " " + tag("ceiling", "amber")
        reason = [escaped(cell["reason"] or "")] if stopped else []
        rows.append(
            [name, tag(status, kind), f"{cell['done']} of {cell['stages']}", *reason, f"<small>{cell['id']}</small>"]
        )
    left = note(f"{len(page.cells) - MOST_CELLS} more in plan.json.") if len(page.cells) > MOST_CELLS else ""
    return piece(
        table(("cell", "state", "stages done", *(["reason"] if stopped else []), "id"), rows, numbers=(2,)), left
    )


def refusals(page: PlanPage) -> str:
    """Returns every reason once, with its fix and the cells that it stops."""
    if not page.refusals:
        return ""
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for refusal in page.refusals:
        for problem in refusal["problems"]:
            reasons.setdefault((problem["where"], problem["why"], problem["fix"]), []).append(refusal["label"])
    rows = [
        [
            escaped(where),
            escaped(why),
            escaped(fix),
            escaped(", ".join(labels[:6]) + (f" and {len(labels) - 6} more" if len(labels) > 6 else "")),
        ]
        for (where, why, fix), labels in reasons.items()
    ]
    return piece(f"<h2>Refused: {len(page.refusals)}</h2>", table(("where", "why", "how to mend it", "cells"), rows))


def plan_forecast(page: PlanPage) -> str:
    """Returns memory, hours and dollars of every cell as forecast, and why some of them are unknown."""
    found = page.forecast
    if not found:
        return piece(note("No forecast is stored with this plan: hours and dollars are unknown, not zero."))
    total = found.get("total") or {}
    parts = [
        "<h2>Forecast</h2>",
        facts(
            [
                ("time in all", numbers.duration(total.get("seconds"))),
                ("cost in all", numbers.money(total.get("usd"))),
            ]
        ),
    ]
    parts += [note(f"unknown: {words}") for words in total.get("unknown") or ()]
    labels = {cell["id"]: cell["label"] for cell in page.cells}
    rows = [
        [
            escaped(labels.get(cell, cell)),
            numbers.size(one.get("peak_bytes")),
            escaped(one.get("peak_stage") or ""),
            "-" if one.get("train_seconds") == 0 else numbers.duration(one.get("train_seconds")),
            numbers.duration(one.get("seconds")),
            numbers.money(one.get("usd")),
        ]
        for cell, one in list((found.get("cells") or {}).items())[:MOST_CELLS]
    ]
    if rows:
        parts.append(
            table(("cell", "memory at the peak", "in", "training", "time", "cost"), rows, numbers=(1, 3, 4, 5))
        )
    return piece(*parts)
