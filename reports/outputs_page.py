"""Outputs: example by example, the answers of chosen cells side by side."""

from __future__ import annotations

import frame
import streamlit as st

from ftbench.report.draw.outputs import example
from ftbench.report.draw.pieces import empty, facts, note, piece
from ftbench.report.view.outputs import ORDERS, OUTCOMES, examples, index, matching
from ftbench.report.view.table import Table
from ftbench.text.terminal import one_line

PER_PAGE = 10
MOST_CELLS = 6


def show() -> None:
    found = frame.chosen_sweeps()
    if frame.waiting(found):
        return
    top = st.columns([3, 3, 3])
    metric = frame.choose_metric(found, top[0])
    table = frame.ranked([sweep for sweep in found if sweep.results is not None], metric)
    done = [row.id for row in table.rows.values() if row.done]
    if not done:
        frame.draw(
            piece(
                empty(
                    "No cell is done.", "There are no answers to look at; the plan's page says what stopped the cells."
                )
            )
        )
        return
    only = frame.choose_slice(found, metric, top[1])
    order = top[2].selectbox(
        "Order", list(ORDERS), format_func=ORDERS.__getitem__, index=1 if len(done) > 1 else 0, key="order"
    )
    second = st.columns([6, 3])
    cells = second[0].multiselect(
        "Cells; the first is the baseline, the last is set against it",
        done,
        default=_default(table, done),
        format_func=frame.named(table.labels),
        max_selections=MOST_CELLS,
        key="cells",
    )
    words = second[1].text_input("Search", key="search", placeholder="id, question, reference or answer")
    if not cells:
        frame.draw(piece(note("Choose one or more cells.")))
        return
    asked = st.query_params.get("example")
    if asked is not None:
        _one(table, cells, asked)
        return
    _list(table, cells, metric, only, order, words)


def _default(table: Table, done: list[str]) -> list[str]:
    """Returns the best cell against the best that trains nothing, or the first two."""
    asked = [cell for cell in st.query_params.get("cells", "").split(",") if cell in done]
    if asked:
        return asked[:MOST_CELLS]
    plain = next((cell for cell in done if not table.rows[cell].trains and cell != done[0]), None)
    return [plain or done[min(1, len(done) - 1)], done[0]] if len(done) > 1 else done


def _one(table: Table, cells: list[str], asked: str) -> None:
    if st.button("All examples", icon=":material/arrow_back:"):
        del st.query_params["example"]
        st.rerun()
    shown = examples(table, cells, [asked])
    if not shown:
        frame.draw(piece(note(f"{one_line(asked)[:120]}: no example of these cells.", "amber")))
        return
    against = _against(table, cells)
    frame.draw(example(shown[0], table.labels, against=against, link=_address(cells, asked), most=60000))


def _list(
    table: Table, cells: list[str], metric: str | None, only: tuple[str, str] | None, order: str, words: str
) -> None:
    scores = index(table, cells, metric)
    outcomes = scores.outcomes() if len(scores.cells) > 1 else []
    places = scores.ordered(order)
    if only is not None:
        places = [place for place in places if scores.slices[place].get(only[0]) == only[1]]
    if outcomes:
        within = set(places)
        counts = {kind: sum(outcomes[place] == kind for place in within) for kind in OUTCOMES}
        frame.draw(
            piece(
                facts(
                    [
                        (
                            (
                                f"{one_line(table.labels[cells[-1]])} against {one_line(table.labels[cells[0]])}, by"
                                f" {one_line(scores.metric)}"
                            ),
                            f"{counts['win']} wins, {counts['loss']} losses, {counts['tie']} ties",
                        )
                    ]
                )
            )
        )
        kinds = st.segmented_control("Show", OUTCOMES, selection_mode="multi", default=list(OUTCOMES), key="kinds")
        places = [place for place in places if outcomes[place] in (kinds or OUTCOMES)]
    if words.strip():
        hits = matching(table, cells, words.strip())
        places = [place for place in places if scores.ids[place] in hits]
    if not places:
        frame.draw(piece(empty("No example matches.", "Loosen the search or the filters.")))
        return
    pages = -(-len(places) // PER_PAGE)
    columns = st.columns([2, 4, 3], vertical_alignment="bottom")
    page = int(columns[0].number_input("Page", 1, pages, key="page")) if pages > 1 else 1
    columns[1].caption(
        f"{len(places):,} examples, {PER_PAGE} a page"
        if pages > 1
        else f"{len(places):,} example{'s' * (len(places) != 1)}"
    )
    with columns[2]:
        against = _against(table, cells)
    chosen = places[(page - 1) * PER_PAGE : page * PER_PAGE]
    shown = {one.id: one for one in examples(table, cells, [scores.ids[place] for place in chosen])}
    for place in chosen:
        one = shown.get(scores.ids[place])
        if one is not None:
            frame.draw(
                example(
                    one,
                    table.labels,
                    against=against,
                    outcome=outcomes[place] if outcomes else None,
                    link=_address(cells, one.id),
                )
            )


def _against(table: Table, cells: list[str]) -> str | None:
    options: list[str | None] = ["reference", *cells, None]
    names = {"reference": "the reference", None: "nothing"}
    return st.selectbox(
        "Mark differences from",
        options,
        format_func=lambda one: names.get(one) or one_line(table.labels[one]),
        key="against",
    )


def _address(cells: list[str], identity: str) -> str:
    return frame.link("outputs", cells=",".join(cells), example=identity)
