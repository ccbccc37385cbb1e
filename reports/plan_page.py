"""Plan: the matrix as compiled, and how far a running sweep is."""

from __future__ import annotations

import frame
import streamlit as st

from ftbench.report.draw import pages as pieces
from ftbench.report.draw.charts import graph
from ftbench.report.draw.pieces import piece
from ftbench.report.view.plan_page import plan_page
from ftbench.report.view.sweep import Sweep

SECONDS = 3


def show() -> None:
    sweep = frame.one_sweep(frame.sweeps())
    if plan_page(sweep).running:
        _live(sweep)
    else:
        _draw(sweep)


@st.fragment(run_every=SECONDS)
def _live(sweep: Sweep) -> None:
    """Draws again every few seconds; when the sweep ends, the whole app is."""
    _draw(sweep)
    if next(one for one in frame.sweeps() if one.folder == sweep.folder).results is not None:
        st.rerun()


def _draw(sweep: Sweep) -> None:
    page = plan_page(sweep)
    if page.running:
        st.progress(page.done / page.stages, f"running: {page.done} of {page.stages} stages")
    frame.draw(pieces.plan_head(page))
    frame.draw(piece("<h2>Stages</h2>"))
    frame.chart(graph(page), key="graph")
    frame.draw(piece("<h2>Cells</h2>") + pieces.plan_cells(page, frame.cell_link))
    frame.draw(pieces.refusals(page) or "<span></span>")
    frame.draw(pieces.plan_forecast(page))
