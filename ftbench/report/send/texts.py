"""``report --markdown FILE`` for a pull request, and ``report --csv FILE`` for a spreadsheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftbench.analysis import figures
from ftbench.analysis.ceilings import ceiling_lines, nothing_to_choose
from ftbench.analysis.columns import columns
from ftbench.analysis.verdict import CLEAR
from ftbench.core.cell import sub_axes
from ftbench.cost.frontier import ON, UNDECIDED
from ftbench.report.send.clean import cleaned
from ftbench.report.view.compared_costs import TOTAL
from ftbench.report.view.decision import Decision, decisions
from ftbench.report.view.lines import standing_words
from ftbench.report.view.review import agreements
from ftbench.report.view.sweep import Sweep
from ftbench.report.view.table import metrics_of, table
from ftbench.text import csv
from ftbench.text.markdown import literal

MOST_CHARACTERS = 60_000
"""GitHub takes comments of 65,536 characters."""


def markdown_text(sweeps: Sequence[Sweep]) -> str:
    """Returns the decision as Markdown: the sentence on top, the ranked table, what is not ranked, notes."""
    clean = [cleaned(sweep) for sweep in sweeps if sweep.results is not None]
    ranked = table(clean)
    parts = [f"## Comparison: {literal(', '.join(sweep.name for sweep in clean))}", ""]
    for one in decisions(ranked):
        kind = one.verdict.headline
        state = f"**{kind.capitalize()}.** " if kind in (CLEAR, UNDECIDED) else ""
        parts += [
            f"{state}{literal(one.headline.sentence)}",
            "",
            literal(one.headline.confidence),
            "",
            *(f"- {literal(words)}" for words in (*agreements(sweeps, one.metric), *one.headline.also)),
            "",
            *_table(one),
            "",
            *(f"- {literal(words)}" for words in one.family.get("sentences", ())),
            "",
        ]
    beyond = ranked.ceilings(None)
    parts += [literal(nothing_to_choose(len(beyond), ranked.metric)), ""] if beyond and not ranked.families else []
    parts += [*(f"- {literal(words)}" for words in ceiling_lines(beyond, ranked.metric, None)), ""] if beyond else []
    left = [*ranked.undone(), *ranked.unranked()]
    if left:
        parts += [f"Not ranked: {len(left)}", "", "| cell | state | reason |", "| --- | --- | --- |"]
        parts += [
            f"| {literal(row.label)} | {literal(row.facts['status'])} |"
            f" {literal(row.facts.get('reason') or f'{ranked.metric} is n/a')} |"
            for row in left
        ] + [""]
    if ranked.notes:
        parts += [
            "<details><summary>Notes</summary>",
            "",
            *(f"- {literal(note)}" for note in ranked.notes),
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
    unit = "$ per 1k" if one.basis == "usd_per_1k_requests" else "time per 1k"
    head = ["rank", "cell", literal(one.metric), unit, f"total {one.weighed.per}" if total else "training", "p95", ""]
    lines = [*_approaches(one, unit), _line(head), "| ---: | --- | ---: | ---: | ---: | ---: | --- |"]
    decided = one.verdict.headline == CLEAR or one.verdict.by_margin
    for line in one.cells:
        p95 = line.row.facts.get("latency_p95_ms")
        texts = (line.row.label, line.text, line.serving, line.cost_text if total else figures.training(line.row))
        chosen = line.row.id == one.headline.marked and len(one.groups) > 1
        marks = ["**choose**" if decided else "cheapest that may be best"] if chosen else []
        marks += {ON: ["frontier"], UNDECIDED: ["frontier: undecided"]}.get(line.state, [])
        marks += [standing_words(line)] if line.standing else []
        failed = figures.failed(line.row)
        marks += [f"{failed} of rows failed"] if failed else []
        speed = figures.UNKNOWN if p95 is None else f"{p95:,.0f} ms"
        lines.append(_line([line.rank, *map(literal, texts), speed, ", ".join(marks)]))
    bounds = ceiling_lines(one.ceilings, one.metric, one.basis)
    return [*lines, *(["", *(f"- {literal(words)}" for words in bounds)] if bounds else [])]


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def _approaches(one: Decision, unit: str) -> list[str]:
    """Returns the approaches with their ranks among one another, where they say more than the cells."""
    if not one.approaches:
        return []
    head = ["rank", "approach", literal(one.metric), "seed sd", "seeds", "chosen", "training", unit]
    lines = [_line(head), "| ---: | --- | ---: | ---: | ---: | --- | ---: | ---: |"]
    for each in one.approaches:
        scores = (each.label, each.text, each.spread, str(each.seeds))
        lines.append(_line([*map(literal, (each.rank or "-", *scores, each.chosen, each.training, each.serving))]))
    open_ = [f"- {literal(f'{each.label}: nothing chosen: {each.reason}')}" for each in one.approaches if each.reason]
    return [*lines, "", *open_, "", "Its cells:", ""]


def csv_text(sweeps: Sequence[Sweep]) -> str:
    """Returns every cell of the sweeps with the columns of ``results.csv`` behind the sweep's name, the rank and the
    place on the frontier; numbers in full.
    """
    clean = [cleaned(sweep) for sweep in sweeps if sweep.results is not None]
    metrics = tuple(metrics_of(clean))
    groups = sub_axes(row.facts for sweep in clean for row in sweep.rows.values())
    names = [name for name in columns(metrics, groups) if name != "rank"]
    rows: list[list[Any]] = [["sweep", "rank", "frontier", *names]]
    for sweep in clean:
        for cell, row in sweep.rows.items():
            record = row.record(metrics)
            told = sweep.shown[cell] if row.deployable else {}
            stand = [str(told.get(name) or "") for name in ("rank", "frontier")]
            rows.append([sweep.name, *stand, *(record.get(name) for name in names)])
    return csv.csv_text(rows)
