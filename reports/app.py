"""The report as a Streamlit app: it draws, and every number comes from ``ftbench.report``.

Started by ``python -m ftbench report [SWEEP...]``, which says what to open in one JSON argument.
"""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).parent))

import cell_page
import decision_page
import frame
import outputs_page
import plan_page
import review_page
import statistics_page

PAGES = {
    "decision": ("Decision", decision_page.show),
    "cell": ("Cell", cell_page.show),
    "outputs": ("Outputs", outputs_page.show),
    "statistics": ("Statistics", statistics_page.show),
    "plan": ("Plan", plan_page.show),
    "review": ("Review", review_page.show),
}

st.set_page_config(page_title="ftbench", page_icon=None, layout="wide")
frame.style()
pages = {
    name: st.Page(frame.guarded(show), title=title, url_path=name, default=name == "decision")
    for name, (title, show) in PAGES.items()
}
frame.PAGES.update(pages)
page = st.navigation(list(pages.values()), position="top")
asked = st.query_params.get("page")
if asked in pages:
    frame.go(asked, **{name: value for name, value in st.query_params.items() if name != "page"})
page.run()
