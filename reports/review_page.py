"""Review: what people said of the answers, or how to ask them."""

from __future__ import annotations

import frame

from ftbench.report.draw.pieces import piece
from ftbench.report.draw.review import review
from ftbench.report.view.review import review_page


def show() -> None:
    sweep = frame.one_sweep(frame.sweeps())
    frame.draw(piece("<h2>Human review</h2>") + review(review_page(sweep)))
