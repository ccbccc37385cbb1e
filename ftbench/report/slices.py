"""Scores by slice: one small table per column and metric, so that a person sees *where* a cell wins."""

from __future__ import annotations

from dataclasses import dataclass

from ftbench.analysis import figures
from ftbench.analysis.ranking import Family
from ftbench.analysis.results import Results
from ftbench.text import numbers

VALUE_METRIC = "exact_match"
"""Shown beside the primary metric: overlap with a reference can be high while every value in it is wrong."""


@dataclass(frozen=True)
class SliceTable:
    """One metric over the values of one column.

    Attributes:
        title: such as ``exact_match by knowledge``.
        values: of the column, each with its number of examples (``known (80)``).
        rows: label and one text per value, in the order of the ranking.
    """

    title: str
    values: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def slice_tables(results: Results, family: Family, most_values: int) -> list[SliceTable]:
    """Returns the tables of a family, for columns of 2 to ``most_values`` values that every ranked cell was
    scored by.
    """
    rows = [results.row(cell) for cell in family.cells]
    found = []
    for metric in dict.fromkeys((results.primary, *(name for name in results.metrics if name == VALUE_METRIC))):
        entries = [row.scores.get(metric, {}).get("slices") or {} for row in rows]
        places = figures.decimals(rows, metric)
        for column in entries[0] if entries else ():
            first = entries[0][column]
            if not 2 <= len(first) <= most_values or any(set(entry.get(column, {})) != set(first) for entry in entries):
                continue
            texts = [tuple(_text(entry[column][value]["value"], places) for value in first) for entry in entries]
            values = tuple(f"{value} ({first[value]['n']})" for value in first)
            found.append(
                SliceTable(
                    f"{metric} by {column}",
                    values,
                    tuple((row.label, cells) for row, cells in zip(rows, texts, strict=True)),
                )
            )
    return found


def _text(value: float | None, places: int) -> str:
    return numbers.UNKNOWN if value is None else f"{value:.{places}f}"
