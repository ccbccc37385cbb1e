"""``leaderboard.md``: the ranked table for a wiki or a pull request, every metric with its interval."""

from __future__ import annotations

from collections.abc import Iterable

from ftbench.analysis import figures
from ftbench.analysis.ceilings import ceiling_lines, nothing_to_choose
from ftbench.analysis.column import MARKDOWN
from ftbench.analysis.columns import metric_columns, of_table
from ftbench.analysis.harness import forgetting_lines
from ftbench.analysis.ranking import Family
from ftbench.analysis.results import Results
from ftbench.report.cell_table import cell_table
from ftbench.report.rollup import approach_rows, search_lines, unchosen_lines
from ftbench.report.slices import slice_tables
from ftbench.text.markdown import bullets, code, literal, table

MOST_VALUES = 20
"""Columns with more values than this stand in results.json only."""


def markdown(results: Results) -> str:
    """Returns the whole page."""
    confidence = results.statistics["confidence"]
    primary = code(results.primary)
    parts = [
        "# Leaderboard",
        "",
        (
            f"Ordered by {primary} on the test split; brackets hold {confidence:.0%} intervals; `*` marks the"
            " frontier: nothing cheaper is shown to be as good; `undecided`: a cheaper or a dearer cell there may yet"
            " take its place."
        ),
    ]
    beyond = results.ceilings(None)
    if beyond and not results.families:
        parts += ["", literal(nothing_to_choose(len(beyond), results.primary))]
    parts += _list(ceiling_lines(beyond, results.primary, None))
    for family in results.families:
        parts += ["", f"## {literal(family.dataset)}", ""]
        if results.rolled:
            grid = [[literal(text) for text in row] for row in approach_rows(results, family)]
            parts += [*table(grid[0], grid[1:]), ""] if grid else []
            said = (*family.method_sentences, *search_lines(results), *unchosen_lines(results))
            parts += [*bullets(said), "", "Its cells:", ""]
        parts += _table(results, family)
        parts += _list(ceiling_lines(results.ceilings(family), results.primary, family.cost_basis))
        parts += _list((*family.sentences, *(() if results.rolled else family.method_sentences)))
        for one in slice_tables(results, family, MOST_VALUES):
            grid = [[literal(label), *texts] for label, texts in one.rows]
            parts += ["", f"### {literal(one.title)}", "", *table(["cell", *map(literal, one.values)], grid)]
        head, lines = forgetting_lines([results.row(cell) for cell in family.cells], confidence)
        if lines:
            grid = [[*map(literal, line)] for line in lines]
            parts += ["", f"### {head[0]}", "", *table(["cell", *head[1:]], grid)]
    unranked = results.unranked()
    if unranked:
        parts += ["", f"## Without {primary}", *_list(row.label for row in unranked)]
    if results.notes:
        parts += ["", "## Notes", *_list(results.notes)]
    undone = results.undone()
    if undone:
        rows = [[literal(row.label), row.facts["status"], literal(row.facts["reason"] or "")] for row in undone]
        parts += ["", "## Not done", "", *table(["cell", "status", "reason"], rows)]
    return "\n".join(parts) + "\n"


def _list(texts: Iterable[str]) -> list[str]:
    items = bullets(texts)
    return ["", *items] if items else []


def _table(results: Results, family: Family) -> list[str]:
    rows = [results.row(cell) for cell in family.cells]
    names = [results.primary, *(metric for metric in results.metrics if metric != results.primary)]
    places = {metric: figures.decimals(rows, metric) for metric in names}
    own = [*metric_columns(places, names), *results.own_columns]
    return cell_table(of_table(MARKDOWN, own), [results.shown(row, family) for row in rows], family.cost_basis)
