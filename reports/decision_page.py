"""Decision: what to choose and how sure that is."""

from __future__ import annotations

from typing import Any

import frame
import streamlit as st

from ftbench.cost.ownership import SECONDS_PER_MONTH, Load
from ftbench.report.draw import decision as pieces
from ftbench.report.draw import ownership
from ftbench.report.draw.pieces import empty, notes, notes_of, piece
from ftbench.report.draw.scatter import chart
from ftbench.report.draw.statistics import heat
from ftbench.report.view.decision import COST, QUALITY, Decision, axes_of, decisions
from ftbench.report.view.lines import LIMITS
from ftbench.report.view.ownership import VOLUMES, owned
from ftbench.report.view.review import agreements
from ftbench.report.view.statistics import heats
from ftbench.report.view.table import Table
from ftbench.report.view.weighed import choices_of, stated
from ftbench.text.terminal import one_line

PEAKS = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Times the average load that a slider offers."""
OWNED, SERVED = "owning it at a load", "1,000 requests as measured"
ORDERS = {QUALITY: "quality", COST: "cost"}


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
    load, order = _weighed(table)
    shown = decisions(table, keep, limits, load, order)
    beyond = pieces.ceilings(table.ceilings(None), table.metric, alone=not table.families)
    if beyond:
        frame.draw(beyond)
    if not shown and (table.families or not beyond):
        words = (
            "No cell is left under these filters." if table.families else "No cell of this sweep has a score to rank."
        )
        frame.draw(
            piece(empty(words, "Loosen the filters." if table.families else "What stopped the cells stands below."))
        )
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
        with st.expander(notes_of(len(table.notes))):
            frame.draw(piece(notes(table.notes)))


def _weighed(table: Table) -> tuple[Load | None, str]:
    """Returns the load at which the reader weighs owning, None for the cost of 1,000 requests, and what the ranked
    table is ordered by.
    """
    known = stated(table)
    priced = bool(choices_of(table))
    asked = st.columns([3, 3, 4], vertical_alignment="bottom")
    options = [OWNED, SERVED] if known is not None else [SERVED, OWNED]
    weighed = asked[0].selectbox("Cost means", options, key="weighed") if priced else SERVED
    order = asked[1 if priced else 0].selectbox(
        "Ranking ordered by", list(ORDERS), format_func=ORDERS.__getitem__, key="order_by"
    )
    if weighed == SERVED:
        return None, order
    volume = known.requests_per_month if known is not None else 100_000
    peak = round(known.peak_per_request * SECONDS_PER_MONTH, 1) if known is not None else 10.0
    months = max(1, round(known.months)) if known is not None else 12
    again = round(12 * known.retrains_per_month) if known is not None else 0
    row = st.columns(4)
    chosen = (
        row[0].select_slider(
            "Requests a month",
            sorted({*VOLUMES, volume}),
            value=volume,
            format_func=lambda each: f"{each:,.0f}",
            key="volume",
        ),
        row[1].select_slider(
            "Peak load, times the average",
            sorted({*PEAKS, peak}),
            value=peak,
            format_func=lambda each: f"{each:g}",
            key="peak",
        ),
        row[2].slider("Months", 1, max(48, months), months, key="months"),
        row[3].slider("Retrainings a year", 0, max(24, again), again, key="again"),
    )
    if known is not None and chosen == (volume, peak, months, again):
        return known, order
    return Load(float(chosen[2]), float(chosen[0]), chosen[1] * chosen[0] / SECONDS_PER_MONTH, chosen[3] / 12), order


def _ownership(table: Table, one: Decision, number: int) -> None:
    """What owning costs at the load above: totals, their parts, and where one choice overtakes another."""
    choices = choices_of(table)
    if one.weighed.load is not None:
        found = owned(one, choices, one.weighed.load)
        labels = {line.row.id: line.label for line in one.lines}
        frame.draw(piece("<h2>What owning it costs</h2>") + ownership.sentence(found, table.labels, one.verdict.open))
        frame.chart(ownership.chart(found, labels), key=f"owning{number}")
        frame.draw(ownership.parts(found, labels))
    elif not choices:
        words = (
            "Set hardware.usd_per_hour (or take hardware with a price) and run the command again: nothing is trained"
            " again, only the bill is made anew."
        )
        frame.draw(
            piece(
                "<h2>What owning it costs</h2>",
                empty("No price is known for these cells, so there are no dollars to add up.", words),
            )
        )


def _filters(table: Table) -> dict[str, list[str]]:
    axes = axes_of(table)
    if not axes:
        st.caption("All cells take the same options.")
    return {
        axis: st.multiselect(frame.label(axis), options, format_func=one_line, key=f"keep_{axis}", placeholder="all")
        for axis, options in axes.items()
    }


def _limits(table: Table) -> dict[str, float]:
    chosen: dict[str, float] = {}
    values: dict[str, list[float]] = {name: [] for name in LIMITS}
    bases = {family["cost_basis"] for family in table.families}
    for one in decisions(table, load=None):
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
        limit = st.slider(
            f"{words} at most, {unit}",
            float(low),
            float(high),
            float(high),
            step=float(high - low) / 100,
            format="%.3g",
            key=f"limit_{name}",
        )
        if limit < high:
            chosen[name] = limit * scale
    return chosen
