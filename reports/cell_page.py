"""Cell: everything about one cell, and how to make it again."""

from __future__ import annotations

import frame
import streamlit as st

from ftbench.report.draw import cell as pieces
from ftbench.report.draw.charts import curve
from ftbench.report.draw.pieces import note, piece
from ftbench.report.view.cell import cell_page
from ftbench.text.html import escaped
from ftbench.text.terminal import one_line


def show() -> None:
    found = frame.sweeps()
    asked = st.query_params.get("cell")
    every = {}
    for sweep in found:
        ordered = [*sweep.shown, *(cell for cell in sweep.cells if cell not in sweep.shown)]
        ordered += [refusal["cell"] for refusal in sweep.plan["refusals"] if refusal["cell"] not in ordered]
        labels = {cell["id"]: cell["label"] for cell in sweep.plan["cells"]} | {
            refusal["cell"]: refusal["label"] for refusal in sweep.plan["refusals"]
        }
        for cell in ordered:
            every.setdefault(cell, (sweep, labels.get(cell, cell)))
    if not every:
        frame.draw(piece(note("This sweep has no cells.")))
        return
    if asked is not None and asked not in every:
        frame.draw(piece(note(f"{asked}: no cell of the open sweeps. Choose one below.", "amber")))
    cells = list(every)
    chosen = st.selectbox(
        "Cell",
        cells,
        index=cells.index(asked) if asked in every else 0,
        format_func=lambda cell: f"{one_line(every[cell][1])}  ({cell})",
    )
    if st.query_params.get("cell") != chosen:
        st.query_params["cell"] = chosen
    sweep = every[chosen][0]
    page = cell_page(sweep, chosen)
    if page is None:
        return
    frame.draw(pieces.head(page, sweep.primary))
    for number, one in enumerate(page.training):
        title = (
            "Training"
            if len(page.training) == 1
            else (
                f"Training {number + 1} of {len(page.training)}:"
                f" {'its start' if number < len(page.training) - 1 else 'the last step'}"
            )
        )
        frame.draw(piece(f"<h2>{escaped(title)}</h2>"))
        frame.chart(curve(one), key=f"curve{one.key[:12]}")
        frame.draw(pieces.training(one))
    if not page.training and page.parts:
        frame.draw(piece("<h2>Training</h2>", note("Nothing was trained for this cell: the untouched base answers.")))
    if page.parts:
        frame.draw(piece("<h2>What it cost</h2>") + pieces.costs(page) + pieces.account(page))
        frame.draw(piece("<h2>Forecast against measured</h2>") + pieces.forecast(page))
        frame.draw(piece("<h2>Data and versions</h2>") + pieces.rest(page))
    with st.expander("Resolved config"):
        frame.draw(pieces.config(page))
