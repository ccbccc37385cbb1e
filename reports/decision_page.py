"""Decision: what to choose and how sure that is."""

from __future__ import annotations

from typing import Any

import frame
import streamlit as st

from ftbench.report.draw import decision as pieces
from ftbench.report.draw.pieces import empty, notes, piece
from ftbench.report.draw.scatter import chart
from ftbench.report.draw.statistics import heat
from ftbench.report.text import flat
from ftbench.report.view.decision import LIMITS, axes_of, decisions
from ftbench.report.view.statistics import heats
from ftbench.report.view.table import Table


def show() -> None:
    found = frame.chosen_sweeps()
    if frame.waiting(found):
        return
    asked = st.columns([3, 3, 2, 2], vertical_alignment="bottom")
    metric = frame.choose_metric(found, asked[0])
    only = frame.choose_slice(found, metric, asked[1])
    table = frame.ranked([sweep for sweep in found if sweep.results is not None], metric, only)
    with asked[2].popover("Filter", width="stretch"):
        keep = _filters(table)
    with asked[3].popover("Constraints", width="stretch"):
        limits = _limits(table)
    shown = decisions(table, keep, limits)
    if not shown:
        words = "No cell is left under these filters." if table.families else "No cell of this sweep has a score to rank."
        frame.draw(piece(empty(words, "Loosen the filters." if table.families else "What stopped the cells stands below.")))
    for number, one in enumerate(shown):
        frame.draw(pieces.verdict(one, sweep=found[0].name if len(found) == 1 else f"{len(found)} sweeps"))
        frame.draw(piece("<h2>Quality against cost</h2>"))
        frame.chart(chart(one, link=lambda line: frame.cell_link(line.row.id)), key=f"frontier{number}")
        frame.draw(piece("<h2>Ranking</h2>") + pieces.ranking(one, frame.cell_link))
    frame.draw(pieces.undone(table.undone(), table.unranked(), table.metric, frame.cell_link) or "<span></span>")
    maps = heats(table, [table.metric], 8) if only is None else []
    if maps:
        frame.draw(piece("<h2>Where each cell wins</h2>") + "".join(heat(one) for one in maps))
    if table.notes:
        with st.expander(f"{len(table.notes)} notes on this sweep"):
            frame.draw(piece(notes(table.notes)))


def _filters(table: Table) -> dict[str, list[str]]:
    axes = axes_of(table)
    if not axes:
        st.caption("All cells take the same options.")
    return {axis: st.multiselect(frame.label(axis), options, format_func=flat, key=f"keep_{axis}", placeholder="all") for axis, options in axes.items()}


def _limits(table: Table) -> dict[str, float]:
    chosen: dict[str, float] = {}
    values: dict[str, list[float]] = {name: [] for name in LIMITS}
    bases = {family["cost_basis"] for family in table.families}
    for one in decisions(table):
        for line in one.lines:
            facts: dict[str, Any] = {**line.row.facts, "cost": line.cost}
            for name, known in values.items():
                known += [facts[name]] if facts.get(name) is not None else []
    for name, (words, unit, scale) in LIMITS.items():
        known = sorted({value / scale for value in values[name]})
        if len(known) < 2:
            continue
        unit = unit if name != "cost" else "$" if bases == {"usd_per_1k_requests"} else "s"
        low, high = known[0], known[-1]
        limit = st.slider(f"{words} at most, {unit}", float(low), float(high), float(high), step=float(high - low) / 100, format="%.3g", key=f"limit_{name}")
        if limit < high:
            chosen[name] = limit * scale
    return chosen
