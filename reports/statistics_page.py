"""Statistics: every metric with its interval, what was compared, and what the data is."""

from __future__ import annotations

import frame
import streamlit as st

from ftbench.report.draw import statistics as pieces
from ftbench.report.draw.pieces import piece
from ftbench.report.view import statistics as view
from ftbench.report.view.table import metrics_of
from ftbench.text.html import escaped


def show() -> None:
    found = frame.chosen_sweeps()
    if frame.waiting(found):
        return
    metric = frame.choose_metric(found)
    done = [sweep for sweep in found if sweep.results is not None]
    table = frame.ranked(done, metric)
    metrics = metrics_of(done)
    named = [table.metric, *(name for name in metrics if name != table.metric)]
    frame.draw(piece("<h2>Comparisons</h2>"))
    for family in table.families:
        title = f"<h3>{escaped(family['dataset'])}, by {escaped(table.metric)}</h3>" if len(table.families) > 1 else ""
        frame.draw(piece(title) + pieces.pairs(view.pairs(table, family), family.get("family", ""), table.confidence))
    if not table.families:
        frame.draw(pieces.pairs((), "", table.confidence))
    frame.draw(
        piece("<h2>Seeds apart from sampling</h2>")
        + pieces.seeds([one for family in table.families for one in view.seed_gaps(table, family)])
    )
    frame.draw(piece("<h2>All metrics</h2>") + pieces.metrics(view.metric_tables(table, named), frame.cell_link))
    maps, others = view.heats(table, named[:1]), view.heats(table, named[1:])
    if maps:
        frame.draw(piece("<h2>Slices</h2>") + "".join(pieces.heat(one) for one in maps))
    if others:
        with st.expander("Slices by the other metrics", expanded=not maps):
            frame.draw("".join(pieces.heat(one) for one in others))
    frame.draw(piece("<h2>Do the metrics agree?</h2>") + pieces.correlations(*view.correlations(table, named)))
    frame.draw(
        piece("<h2>Data</h2>")
        + pieces.data(view.data(done, lengths=st.toggle("Measure the lengths of questions and answers", value=True)))
    )
