"""The ranked table of cells in Markdown: what ``leaderboard.md`` and ``report --markdown`` share."""

from __future__ import annotations

from collections.abc import Sequence

from ftbench.analysis.column import Column, Shown
from ftbench.analysis.columns import filled
from ftbench.text.markdown import literal, table

LEFT = ("label", "frontier")


def cell_table(
    columns: Sequence[Column], cells: Sequence[Shown], basis: str | None, spent: str = "training"
) -> list[str]:
    """Returns the lines of the table; numbers stand on the right.

    Args:
        columns: those of Markdown, in their order.
        cells: best first.
        basis: of the costs per 1,000 requests.
        spent: what ``Shown.spent`` is of.
    """

    def safe(column: Column, text: str) -> str:
        return text if column.own_words else literal(text)

    kept = filled(columns, cells)
    head = [safe(column, column.head(basis, spent)) for column in kept]
    rows = [[safe(column, column.shown(cell)) for column in kept] for cell in cells]
    return table(head, rows, [place for place, column in enumerate(kept) if column.name not in LEFT])
