"""``report --markdown FILE`` for a pull request, and ``report --csv FILE`` for a spreadsheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ftbench.analysis.ceilings import ceiling_lines, nothing_to_choose
from ftbench.analysis.column import MARKDOWN
from ftbench.analysis.columns import columns, metric_columns, of_table
from ftbench.core.cell import sub_axes
from ftbench.cost.frontier import ON, UNDECIDED
from ftbench.report.cell_table import cell_table
from ftbench.report.send.clean import cleaned
from ftbench.report.view.decision import Decision, decisions
from ftbench.report.view.lines import shown, standing_words
from ftbench.report.view.review import agreements
from ftbench.report.view.sweep import Sweep
from ftbench.report.view.table import metrics_of, table
from ftbench.report.view.weighed import TOTAL
from ftbench.text import csv, markdown
from ftbench.text.markdown import bullets, literal

MOST_CHARACTERS = 60_000
"""GitHub takes comments of 65,536 characters."""


def markdown_text(sweeps: Sequence[Sweep]) -> str:
    """Returns the decision as Markdown: the sentence on top, the ranked table, what is not ranked, notes."""
    clean = [cleaned(sweep) for sweep in sweeps if sweep.results is not None]
    ranked = table(clean)
    parts = [f"## Comparison: {literal(', '.join(sweep.name for sweep in clean))}", ""]
    for one in decisions(ranked):
        state = f"**{one.verdict.kind.capitalize()}.** " if one.verdict.kind in ("clear", "undecided") else ""
        parts += [
            f"{state}{literal(one.verdict.sentence)}",
            "",
            literal(one.verdict.sure),
            "",
            *bullets((*agreements(sweeps, one.metric), *one.verdict.also)),
            "",
            *_table(one),
            "",
            *bullets(one.family.get("sentences", ())),
            "",
        ]
    beyond = ranked.ceilings(None)
    parts += [literal(nothing_to_choose(len(beyond), ranked.metric)), ""] if beyond and not ranked.families else []
    parts += [*bullets(ceiling_lines(beyond, ranked.metric, None)), ""] if beyond else []
    left = [*ranked.undone(), *ranked.unranked()]
    if left:
        rows = [
            [*map(literal, (row.label, row.facts["status"], row.facts.get("reason") or f"{ranked.metric} is n/a"))]
            for row in left
        ]
        parts += [f"Not ranked: {len(left)}", "", *markdown.table(["cell", "state", "reason"], rows), ""]
    if ranked.notes:
        parts += [
            "<details><summary>Notes</summary>",
            "",
            *bullets(ranked.notes),
            "",
            "</details>",
            "",
        ]
    whole = "\n".join(parts).rstrip() + "\n"
    if len(whole) <= MOST_CHARACTERS:
        return whole
    return (
        whole[:MOST_CHARACTERS].rsplit("\n", 1)[0] + "\n\ncut here: a comment holds no more; `--html` and `--csv` do\n"
    )


def _table(one: Decision) -> list[str]:
    total = one.weighed.basis == TOTAL
    decided = one.verdict.kind == "clear" or one.verdict.margin is not None
    cells = []
    for line in one.cells:
        chosen = line.row.id == one.verdict.choice and len(one.groups) > 1
        marks = ["**choose**" if decided else "cheapest that may be best"] if chosen else []
        marks += {ON: ["frontier"], UNDECIDED: ["frontier: undecided"]}.get(line.state, [])
        marks += [standing_words(line)] if line.standing else []
        cells.append(replace(shown(line, total=total), frontier=", ".join(marks)))
    columns = of_table(MARKDOWN, [*metric_columns({one.metric: one.places}, [one.metric]), *one.own_columns])
    lines = cell_table(columns, cells, one.basis, f"total {one.weighed.per}" if total else "training")
    bounds = bullets(ceiling_lines(one.ceilings, one.metric, one.basis))
    return [*_approaches(one), *lines, *(["", *bounds] if bounds else [])]


def _approaches(one: Decision) -> list[str]:
    """Returns the approaches with their ranks among one another, where they say more than the cells."""
    if not one.approaches:
        return []
    unit = "$/1k" if one.basis == "usd_per_1k_requests" else "time/1k"
    head = ["rank", "approach", literal(one.metric), "seed sd", "seeds", "chosen", "training", unit]
    rows = []
    for each in one.approaches:
        scores = (each.label, each.text, each.spread, str(each.seeds))
        rows.append([*map(literal, (each.rank or "-", *scores, each.chosen, each.training, each.serving))])
    lost = [f"{each.label}: nothing chosen: {each.reason}" for each in one.approaches if each.reason]
    return [*markdown.table(head, rows, (0, 2, 3, 4, 6, 7)), "", *bullets(lost), "", "Its cells:", ""]


def csv_text(sweeps: Sequence[Sweep]) -> str:
    """Returns every cell of the sweeps with the columns of ``results.csv`` behind the sweep's name, the rank and the
    place on the frontier; numbers in full.
    """
    clean = [cleaned(sweep) for sweep in sweeps if sweep.results is not None]
    metrics = tuple(metrics_of(clean))
    groups = sub_axes(row.facts for sweep in clean for row in sweep.rows.values())
    own = {column.name: column for sweep in clean for column in sweep.own_columns}
    names = [name for name in columns(metrics, groups, list(own.values())) if name != "rank"]
    rows: list[list[Any]] = [["sweep", "rank", "frontier", *names]]
    for sweep in clean:
        for cell, row in sweep.rows.items():
            record = {**sweep.choices(cell), **row.record(metrics)}
            told = sweep.shown[cell] if row.deployable else {}
            stand = [str(told.get(name) or "") for name in ("rank", "frontier")]
            rows.append([sweep.name, *stand, *(record.get(name) for name in names)])
    return csv.csv_text(rows)
