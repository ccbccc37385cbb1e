"""Decision: what to choose and how sure that is."""

from __future__ import annotations

from typing import Any

import frame
import streamlit as st

from ftbench.cost.ownership import SECONDS_PER_MONTH, Load
from ftbench.report.draw import decision as pieces
from ftbench.report.draw import ownership
from ftbench.report.draw.pieces import empty, notes, piece
from ftbench.report.draw.scatter import chart
from ftbench.report.draw.statistics import heat
from ftbench.report.text import flat
from ftbench.report.view.decision import LIMITS, Decision, axes_of, decisions
from ftbench.report.view.ownership import VOLUMES, choices_of, owned, stated
from ftbench.report.view.review import agreements
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
        agreement = next(iter(agreements(found, one.metric)), None)
        frame.draw(pieces.verdict(one, agreement, sweep=found[0].name if len(found) == 1 else f"{len(found)} sweeps"))
        frame.draw(piece("<h2>Quality against cost</h2>"))
        frame.chart(chart(one, link=lambda line: frame.cell_link(line.row.id)), key=f"frontier{number}")
        frame.draw(piece("<h2>Ranking</h2>") + pieces.ranking(one, frame.cell_link) + pieces.sentences(one))
        _ownership(table, one, number)
    frame.draw(pieces.undone(table.undone(), table.unranked(), table.metric, frame.cell_link) or "<span></span>")
    maps = heats(table, [table.metric], 8) if only is None else []
    if maps:
        frame.draw(piece("<h2>Where each cell wins</h2>") + "".join(heat(one) for one in maps))
    if table.notes:
        with st.expander(f"{len(table.notes)} notes on this sweep"):
            frame.draw(piece(notes(table.notes)))


def _ownership(table: Table, one: Decision, number: int) -> None:
    """What owning costs at a load: sliders re-rank by total cost and move the break-even marks."""
    frame.draw(piece("<h2>What owning it costs</h2>"))
    choices = choices_of(one.family)
    if not choices:
        words = "Set hardware.usd_per_hour (or take hardware with a price) and run the command again: nothing is trained again, only the bill is made anew."
        frame.draw(piece(empty("No price is known for these cells, so there are no dollars to add up.", words)))
        return
    known = stated(one.family)
    asked = st.columns(4)
    volume = asked[0].select_slider("Requests a month", VOLUMES, value=min(VOLUMES, key=lambda each: abs(each - (known.get("requests_per_month") or 100_000))), format_func=lambda each: f"{each:,}", key=f"volume{number}")
    peak = asked[1].slider("Peak load, times the average", 1, 50, 10, key=f"peak{number}")
    months = asked[2].slider("Months", 1, 48, int(known.get("months") or 12), key=f"months{number}")
    again = asked[3].slider("Retrainings a year", 0, 24, round(12 * (known.get("retrains_per_month") or 0)), key=f"again{number}")
    load = Load(float(months), float(volume), peak * volume / SECONDS_PER_MONTH, again / 12)
    found = owned(one, choices, load)
    labels = {line.row.id: line.label for line in one.lines}
    frame.draw(ownership.sentence(found, table.labels, one.verdict.open))
    frame.chart(ownership.chart(found, labels), key=f"owning{number}")
    frame.draw(ownership.parts(found, labels))


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
