"""The ranked table on the terminal: plain text, no colors, fits the width it is given."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from ftbench.analysis import figures
from ftbench.analysis import label_efficiency as labels
from ftbench.analysis.ceilings import ceiling_lines, nothing_to_choose
from ftbench.analysis.column import TERMINAL
from ftbench.analysis.columns import filled, metric_columns, of_table
from ftbench.analysis.harness import forgetting_lines
from ftbench.analysis.ranking import Family
from ftbench.analysis.results import Results
from ftbench.analysis.rows import Row
from ftbench.report.approach_table import approach_rows, search_lines, unchosen_lines
from ftbench.report.slices import SliceTable, slice_tables
from ftbench.text.terminal import printable

GAP = "  "
LEAST_WIDTH = 72
LABEL_LEAST = 28
CHOSEN_LEAST = 20
MOST_VALUES = 4
"""Columns with more values than this stand in leaderboard.md only."""


def render(results: Results, width: int) -> str:
    """Returns the table, its notes and the cells that are not done.

    Args:
        results: from ``ftbench.report.write.write_results``.
        width: columns of the terminal; below 72 is taken as 72.
    """
    width = max(width, LEAST_WIDTH)
    lines: list[str] = []
    beyond = results.ceilings(None)
    if beyond and not results.families:
        lines += _wrap(nothing_to_choose(len(beyond), results.primary), width)
    for text in ceiling_lines(beyond, results.primary, None):
        lines += _wrap(text, width)
    for family in results.families:
        if len(results.families) > 1:
            lines += [f"dataset {printable(family.dataset)}", ""]
        if results.rolled:
            lines += [
                *_approaches(results, family, width),
                "",
                "its cells (python -m ftbench explain CELL tells more):",
                "",
            ]
        lines += _table(results, family, width)
        for text in ceiling_lines(results.ceilings(family), results.primary, family.cost_basis):
            lines += _wrap(text, width)
        for table in slice_tables(results, family, MOST_VALUES):
            lines += ["", *_slices(table, width)]
        lines += _forgetting([results.row(cell) for cell in family.cells], results.statistics["confidence"], width)
        lines += [""]
        for sentence in (*family.sentences, *(() if results.rolled else family.method_sentences)):
            lines += _wrap(sentence, width)
    for text in unchosen_lines(results):
        lines += _wrap(text, width)
    for text in search_lines(results):
        lines += _wrap(text, width, "- ")
    for sentence in (*labels.lines(results.labels, results.primary), *undecided_lines(results)):
        lines += _wrap(sentence, width)
    for row in results.unranked():
        lines += _wrap(f"{row.label}: done, but {results.primary} is n/a", width)
    for note in results.notes:
        lines += _wrap(note, width, "- ")
    undone = results.undone()
    if undone:
        lines += ["", f"not done: {len(undone)}"]
        for row in undone:
            lines += _wrap(
                f"{row.facts['status']}: {row.label}: {row.facts['reason'] or 'no reason given'}", width, "- "
            )
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _approaches(results: Results, family: Family, width: int) -> list[str]:
    """Returns the table of approaches, one configuration each; what does not fit the width goes, column by column."""
    grid = approach_rows(results, family)
    if not grid:
        return ["no approach has a chosen configuration"]
    for name in ("", "time/1k", "validation", "training", "trials"):
        grid = [[text for head, text in zip(grid[0], row, strict=True) if head != name] for row in grid]
        widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
        room = width - sum(widths) - len(GAP) * (len(widths) - 1) + widths[1]
        if room >= min(widths[1], LABEL_LEAST):
            break
    chosen = grid[0].index("chosen")  # gives way first: approaches.csv holds it whole
    spared = max(0, min(widths[1] - room, widths[chosen] - CHOSEN_LEAST))
    widths[chosen] -= spared
    widths[1] = max(min(widths[1], room + spared), 5)
    left = {grid[0].index(name) for name in ("approach", "chosen", "cells")}
    lines = [
        GAP.join(
            _fit(printable(text), size, left=index in left)
            for index, (text, size) in enumerate(zip(row, widths, strict=True))
        )
        for row in grid
    ]
    for sentence in family.method_sentences:
        lines += _wrap(sentence, width)
    return lines


def undecided_lines(results: Results) -> list[str]:
    """Returns one sentence per family whose recommendation is not the first of its table, or that hangs on undecided or
    constrained cells.
    """
    said = []
    for family, decision in zip(results.families, results.decisions, strict=False):  # a comparison has no decisions
        advised = decision.verdict
        if advised.choice is None:
            said.append(
                f"No cell is known to keep every constraint: {len(advised.excluded)} of {len(advised.excluded)} break"
                " one or are not known to keep it."
            )
        elif advised.undecided or family.cells[0] not in advised.cells or advised.excluded:
            names = ", ".join(results.candidate_label(cell) for cell in advised.undecided)
            open_text = f"; cheaper and undecided: {names}" if names else ""
            choice = results.candidate_label(advised.choice)
            said.append(f"Recommended: {choice}{open_text} (python -m ftbench advise tells why).")
    return said


def _table(results: Results, family: Family, width: int) -> list[str]:
    rows = [results.row(cell) for cell in family.cells]
    others = [metric for metric in results.metrics if metric != results.primary]
    while True:
        table = _grid(results, family, rows, others)
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        room = width - sum(widths) - len(GAP) * (len(widths) - 1) + widths[1]
        if room >= min(widths[1], LABEL_LEAST) or not others:
            break
        others = others[:-1]
    widths[1] = max(min(widths[1], room), 5)
    lines = [
        GAP.join(_fit(text, size, left=index == 1) for index, (text, size) in enumerate(zip(row, widths, strict=True)))
        for row in table
    ]
    hidden = len(results.metrics) - 1 - len(others)
    return [*lines, *([f"({hidden} more metrics in results.csv)"] if hidden else [])]


def _slices(table: SliceTable, width: int) -> list[str]:
    grid = [
        ["", table.title, *(printable(value) for value in table.values)],
        *(["", printable(label), *texts] for label, texts in table.rows),
    ]
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    widths[1] = max(min(widths[1], width - sum(widths) + widths[1] - len(GAP) * (len(widths) - 1)), LABEL_LEAST)
    return [
        GAP.join(
            _fit(text, size, left=index == 1) for index, (text, size) in enumerate(zip(row, widths, strict=True))
        ).strip()
        for row in grid
    ]


def _forgetting(rows: Sequence[Row], confidence: float, width: int) -> list[str]:
    head, found = forgetting_lines(rows, confidence)
    if not found:
        return []
    grid = [["", *map(printable, line)] for line in (head, *found)]
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    widths[1] = max(min(widths[1], width - sum(widths) + widths[1] - len(GAP) * (len(widths) - 1)), LABEL_LEAST)
    return [
        "",
        *(
            GAP.join(
                _fit(text, size, left=index < 3) for index, (text, size) in enumerate(zip(row, widths, strict=True))
            ).strip()
            for row in grid
        ),
    ]


def _grid(results: Results, family: Family, rows: Sequence[Row], others: Sequence[str]) -> list[list[str]]:
    places = {metric: figures.decimals(rows, metric) for metric in (results.primary, *others)}
    mark = f"[{results.statistics['confidence']:.0%}]"
    own = [*metric_columns(places, [results.primary], mark), *results.own_columns]
    cells = [results.shown(row, family) for row in rows]
    columns = filled(of_table(TERMINAL, own), cells)
    head = [printable(column.head(family.cost_basis)) for column in columns]
    return [head, *([printable(column.shown(cell)) for column in columns] for cell in cells)]


def _fit(text: str, size: int, *, left: bool) -> str:
    if len(text) > size:
        # what tells cells apart stands at the end of a label (rank=16), so the middle goes
        tail = (size - 3) // 2
        text = f"{text[: size - 3 - tail]}...{text[len(text) - tail :]}"
    return text.ljust(size) if left else text.rjust(size)


def _wrap(text: str, width: int, bullet: str = "") -> list[str]:
    return textwrap.wrap(printable(text), width, initial_indent=bullet, subsequent_indent=" " * len(bullet)) or [bullet]
