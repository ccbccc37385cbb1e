"""What every page stands in: the style, the open sweeps, links between pages, and errors as one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import quote

import streamlit as st

from ftbench.core.errors import FtbenchError
from ftbench.core.plan import FILE
from ftbench.report.draw.pieces import empty, note, piece
from ftbench.report.draw.style import rules, variables
from ftbench.report.view.sweep import RESULTS, Sweep, open_sweep
from ftbench.report.view.table import Slice, Table, metrics_of, slices_of, table
from ftbench.text.markdown import literal
from ftbench.text.secrets import scrub
from ftbench.text.terminal import one_line

PAGES: dict[str, Any] = {}
"""Page name -> ``st.Page``; set by ``app.py`` at every run."""

ALL = "all examples"

_FRAME = """
.stApp header[data-testid="stHeader"]{backdrop-filter:blur(6px)}
.stHtml .ft dl.ft-facts{padding-left:0}
.stMainBlockContainer{max-width:1480px;padding-top:4.6rem;padding-bottom:4rem}
@media (min-width:2200px){.stMainBlockContainer{max-width:2100px}}
@media (max-width:640px){.stMainBlockContainer{padding-left:.9rem;padding-right:.9rem;padding-top:4.2rem}}
@media print{header[data-testid="stHeader"],[data-testid="stSidebar"]{display:none!important}}
"""

_CLICKS = """
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  let root = parentElement.querySelector('.ft-root')
  if (!root) { root = document.createElement('div'); root.className = 'ft-root'; parentElement.appendChild(root) }
  root.innerHTML = data.html
  for (const link of root.querySelectorAll('a[data-cell]')) {
    link.onclick = (event) => {
      event.preventDefault(); setTriggerValue('clicked', decodeURIComponent(link.dataset.cell))
    }
    link.onkeydown = (event) => { if (event.key === 'Enter') link.onclick(event) }
  }
}
"""
_chart = st.components.v2.component("ftbench_chart", css=rules(), js=_CLICKS)


def style() -> None:
    """Puts the report's style into the page, in the theme that the reader chose."""
    st.html(f"<style>{variables(st.context.theme.type)}{rules()}{_FRAME}</style>")


def guarded(show: Callable[[], None]) -> Callable[[], None]:
    """Returns a page that says in one line what is wrong with a sweep's files, instead of a traceback."""

    @wraps(show)
    def page() -> None:
        try:
            show()
        except (FtbenchError, OSError, KeyError, ValueError, TypeError) as error:
            words = (
                str(error)
                if isinstance(error, FtbenchError)
                else f"a file of this sweep cannot be read ({type(error).__name__}: {error})"
            )
            st.html(piece(note(scrub(words), "red")))

    return page


def draw(markup: str) -> None:
    """Shows a piece of the report; the browser's side takes out whatever could act, though nothing should be
    left to.
    """
    st.html(markup)


def chart(markup: str, key: str) -> None:
    """Shows a chart; a click on a cell leads to its page."""
    result = _chart(key=key, data={"html": markup}, on_clicked_change=lambda: None)
    if result and result.clicked:
        go("cell", cell=result.clicked)


def go(page: str, **words: str) -> None:
    st.switch_page(PAGES[page], query_params={**_sweep_word(), **words})


def link(page: str, **words: str) -> str:
    """Returns the address of a page of this app.

    It goes through the root: on a deeper address Streamlit first looks for its server there, and the browser's console
    fills with 404s.
    """
    found = {"page": page, **_sweep_word(), **words}
    return "./?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in found.items() if value)


def cell_link(cell: str) -> str:
    return link("cell", cell=cell)


def _sweep_word() -> dict[str, str]:
    chosen = st.session_state.get("sweep_shown")
    return {"sweep": chosen} if chosen and chosen != "all" else {}


def sweeps() -> list[Sweep]:
    """Returns the open sweeps; one that changed on disk since is read again."""
    asked = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {"sweeps": []}
    found = [
        _opened(
            one["folder"],
            one.get("store"),
            one.get("name"),
            bool(asked.get("trusted", True)),
            _stamp(Path(one["folder"])),
        )
        for one in asked["sweeps"]
    ]
    if not found:
        st.html(
            piece(
                empty(
                    "No sweep is open.",
                    "Start the report with a sweep's folder:",
                    ("python -m ftbench report multirun/DATE/TIME",),
                )
            )
        )
        st.stop()
    return found


def chosen_sweeps() -> list[Sweep]:
    """Returns the sweeps that the reader looks at: all of them together, or one."""
    found = sweeps()
    if len(found) == 1:
        return found
    names = ["all", *(sweep.name for sweep in found)]
    asked = st.query_params.get("sweep")
    place = names.index(asked) if asked in names else 0
    chosen = st.selectbox(
        "Sweep",
        names,
        index=place,
        key="sweep_shown",
        format_func=lambda name: "all sweeps together" if name == "all" else one_line(name),
    )
    return found if chosen == "all" else [sweep for sweep in found if sweep.name == chosen]


def one_sweep(found: Sequence[Sweep]) -> Sweep:
    """Returns one sweep, for pages that show one at a time."""
    if len(found) == 1:
        return found[0]
    return found[st.selectbox("Sweep", range(len(found)), format_func=lambda place: one_line(found[place].name))]


def _stamp(folder: Path) -> tuple[int, ...]:
    return tuple(file.stat().st_mtime_ns if (file := folder / name).is_file() else 0 for name in (FILE, RESULTS))


@st.cache_resource(max_entries=24, show_spinner=False)
def _opened(folder: str, store: str | None, name: str | None, trusted: bool, stamp: tuple[int, ...]) -> Sweep:
    return open_sweep(Path(folder), trusted=trusted, moved=Path(store) if store else None, name=name)


def ranked(found: Sequence[Sweep], metric: str | None = None, only: Slice | None = None) -> Table:
    """Returns the ranked cells; a table that was made before is kept."""
    return _ranked(found, tuple((str(sweep.folder), _stamp(sweep.folder)) for sweep in found), metric, only)


@st.cache_resource(max_entries=40, show_spinner="comparing")
def _ranked(_found: Sequence[Sweep], stamps: tuple[Any, ...], metric: str | None, only: Slice | None) -> Table:
    return table(_found, metric, only)


def choose_metric(found: Sequence[Sweep], place: Any = st) -> str | None:
    names = metrics_of(found)
    return place.selectbox("Metric", names, format_func=one_line, key="metric") if names else None


def choose_slice(found: Sequence[Sweep], metric: str | None, place: Any = st) -> Slice | None:
    """Returns column and value of the examples that the reader wants to see alone."""
    columns = slices_of(found, metric or "")
    options: list[Slice | None] = [
        None,
        *((column, value) for column, values in columns.items() for value in values[:60]),
    ]
    if len(options) == 1:
        return None
    return place.selectbox(
        "Examples",
        options,
        format_func=lambda one: ALL if one is None else f"{one_line(one[0])}: {one_line(one[1])}",
        key="slice",
    )


def label(words: str) -> str:
    """Returns text for a widget's label, which Streamlit reads as Markdown."""
    return literal(words)


def named(labels: Mapping[str, str]) -> Callable[[str], str]:
    return lambda cell: one_line(labels.get(cell, cell))


def waiting(found: Sequence[Sweep]) -> bool:
    """Says that there are no results yet, where there are none; returns whether that is so."""
    if any(sweep.results is not None for sweep in found):
        return False
    draw(
        piece(
            empty(
                "No results yet.",
                "This sweep was planned or is still running; the plan's page shows how far it is, and this page fills"
                " when it ends.",
            )
        )
    )
    return True
