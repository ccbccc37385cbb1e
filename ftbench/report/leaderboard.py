"""``leaderboard.md``: the ranked table for a wiki or a pull request, every metric with its interval."""

from __future__ import annotations

from collections.abc import Sequence

from ftbench.analysis import figures
from ftbench.analysis.ceilings import ceiling_lines, nothing_to_choose
from ftbench.analysis.harness import forgetting_lines
from ftbench.analysis.ranking import Family
from ftbench.analysis.results import Results
from ftbench.analysis.rows import Row
from ftbench.report.rollup import approach_rows, search_lines, unchosen_lines
from ftbench.report.slices import SliceTable, slice_tables

MOST_VALUES = 20
"""Columns with more values than this stand in results.json only."""


def markdown(results: Results) -> str:
    """Returns the whole page."""
    confidence = results.statistics["confidence"]
    parts = [
        "# Leaderboard",
        "",
        (
            f"Ordered by `{results.primary}` on the test split; brackets hold {confidence:.0%} intervals; `*` marks the"
            " frontier: nothing cheaper is shown to be as good; `undecided`: a cheaper or a dearer cell there may yet"
            " take its place."
        ),
    ]
    beyond = results.ceilings(None)
    if beyond and not results.families:
        parts += ["", _cell(nothing_to_choose(len(beyond), results.primary))]
    parts += ["", *(f"- {_cell(text)}" for text in ceiling_lines(beyond, results.primary, None))] if beyond else []
    for family in results.families:
        parts += ["", f"## {_cell(family.dataset)}", ""]
        if results.rolled:
            grid = [[_cell(text) for text in row] for row in approach_rows(results, family)]
            parts += [_line(grid[0]), "|" + " --- |" * len(grid[0]), *map(_line, grid[1:]), ""] if grid else []
            said = (*family.method_sentences, *search_lines(results), *unchosen_lines(results))
            parts += [f"- {_cell(sentence)}" for sentence in said] + ["", "Its cells:", ""]
        parts += _table(results, family)
        bounds = ceiling_lines(results.ceilings(family), results.primary, family.cost_basis)
        parts += ["", *(f"- {_cell(text)}" for text in bounds)] if bounds else []
        said = (*family.sentences, *(() if results.rolled else family.method_sentences))
        parts += ["", *(f"- {_cell(sentence)}" for sentence in said)] if said else []
        for table in slice_tables(results, family, MOST_VALUES):
            parts += ["", f"### {_cell(table.title)}", "", *_slices(table)]
        head, lines = forgetting_lines([results.row(cell) for cell in family.cells], confidence)
        if lines:
            grid = [["cell", *head[1:]], ["---"] * len(head), *(list(map(_cell, line)) for line in lines)]
            parts += ["", f"### {head[0]}", "", *(f"| {' | '.join(line)} |" for line in grid)]
    unranked = results.unranked()
    if unranked:
        parts += ["", f"## Without `{results.primary}`", "", *(f"- {_cell(row.label)}" for row in unranked)]
    if results.notes:
        parts += ["", "## Notes", "", *(f"- {_cell(note)}" for note in results.notes)]
    undone = results.undone()
    if undone:
        parts += ["", "## Not done", "", "| cell | status | reason |", "| --- | --- | --- |"]
        parts += [
            f"| {_cell(row.label)} | {row.facts['status']} | {_cell(row.facts['reason'] or '')} |" for row in undone
        ]
    return "\n".join(parts) + "\n"


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def _slices(table: SliceTable) -> list[str]:
    head = "| " + " | ".join(["cell", *map(_cell, table.values)]) + " |"
    return [
        head,
        "|" + " --- |" * (len(table.values) + 1),
        *("| " + " | ".join([_cell(label), *texts]) + " |" for label, texts in table.rows),
    ]


def _table(results: Results, family: Family) -> list[str]:
    rows: Sequence[Row] = [results.row(cell) for cell in family.cells]
    others = [metric for metric in results.metrics if metric != results.primary]
    names = [results.primary, *others]
    places = {metric: figures.decimals(rows, metric) for metric in names}
    unit = "$ per 1k requests" if family.cost_basis == "usd_per_1k_requests" else "time per 1k requests"
    lost = ["failed rows"] if any(map(figures.failed, rows)) else []
    head = ["rank", "cell", *names, unit, "training", *lost, "frontier"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in rows:
        scores = [figures.score(row, metric, places[metric], limits=True) for metric in names]
        spent = [figures.cost(row, family.cost_basis), figures.training(row), *([figures.failed(row)] if lost else [])]
        cells = [results.rank_text(row.id), _cell(row.label), *scores, *spent, results.frontier_mark(row.id)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _cell(text: str) -> str:
    """Returns text that cannot break a Markdown table or be read as mark-up."""
    flat = " ".join(str(text).split())
    for character in "\\|*_`<>[]":
        flat = flat.replace(character, "\\" + character)
    return flat
