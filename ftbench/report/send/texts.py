"""``report --markdown FILE`` for a pull request, and ``report --csv FILE`` for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from ftbench.cost.frontier import ON, UNDECIDED
from ftbench.report import figures
from ftbench.report.columns import columns
from ftbench.report.send.clean import cleaned
from ftbench.report.text import field, markdown
from ftbench.report.view.decision import Decision, decisions
from ftbench.report.view.review import agreements
from ftbench.report.view.sweep import Sweep
from ftbench.report.view.table import metrics_of, table
from ftbench.report.view.weighed import TOTAL

MOST_CHARACTERS = 60_000
"""GitHub takes comments of 65,536 characters."""


def markdown_text(sweeps: Sequence[Sweep]) -> str:
    """Returns the decision as Markdown: the sentence on top, the ranked table, what is not ranked, notes."""
    clean = [cleaned(sweep) for sweep in sweeps if sweep.results is not None]
    ranked = table(clean)
    parts = [f"## Comparison: {markdown(', '.join(sweep.name for sweep in clean))}", ""]
    for one in decisions(ranked):
        state = f"**{one.verdict.kind.capitalize()}.** " if one.verdict.kind in ("clear", "undecided") else ""
        parts += [f"{state}{markdown(one.verdict.sentence)}", "", markdown(one.verdict.sure), "", *(f"- {markdown(words)}" for words in (*agreements(sweeps, one.metric), *one.verdict.also)), "", *_table(one), "", *(f"- {markdown(words)}" for words in one.family.get("sentences", ())), ""]
    left = [*ranked.undone(), *ranked.unranked()]
    if left:
        parts += [f"Not ranked: {len(left)}", "", "| cell | state | reason |", "| --- | --- | --- |"]
        parts += [f"| {markdown(row.label)} | {markdown(row.facts['status'])} | {markdown(row.facts.get('reason') or f'{ranked.metric} is n/a')} |" for row in left] + [""]
    if ranked.notes:
        parts += ["<details><summary>Notes</summary>", "", *(f"- {markdown(note)}" for note in ranked.notes), "", "</details>", ""]
    whole = "\n".join(parts).rstrip() + "\n"
    if len(whole) <= MOST_CHARACTERS:
        return whole
    return whole[:MOST_CHARACTERS].rsplit("\n", 1)[0] + "\n\ncut here: a comment holds no more; `--html` and `--csv` do\n"


def _table(one: Decision) -> list[str]:
    total = one.weighed.basis == TOTAL
    unit = "$ per 1k" if one.basis == "usd_per_1k_requests" else "time per 1k"
    head = ["rank", "cell", markdown(one.metric), unit, f"total {one.weighed.per}" if total else "training", "p95", ""]
    lines = ["| " + " | ".join(head) + " |", "| ---: | --- | ---: | ---: | ---: | ---: | --- |"]
    for group in one.groups:
        line = group.lead
        p95 = line.row.facts.get("latency_p95_ms")
        marks = [words for words, yes in (("**choose**" if one.verdict.kind == "clear" or one.verdict.margin is not None else "cheapest that may be best", line.row.id == one.verdict.choice and len(one.groups) > 1), ("frontier", line.state == ON), ("frontier: undecided", line.state == UNDECIDED), (f"{len(group.lines)} seeds", len(group.lines) > 1), (f"best of {group.tried} trials", group.tried > 1), (f"{figures.failed(line.row)} of rows failed", bool(figures.failed(line.row)))) if yes]
        cells = [group.rank, markdown(group.label), markdown(group.text), markdown(group.serving), markdown(group.cost_text if total else group.training), figures.UNKNOWN if p95 is None else f"{p95:,.0f} ms", ", ".join(marks)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def csv_text(sweeps: Sequence[Sweep]) -> str:
    """Returns every cell of the sweeps with the columns of ``results.csv`` behind the sweep's name, the rank and the place on the frontier; numbers in full."""
    clean = [cleaned(sweep) for sweep in sweeps if sweep.results is not None]
    metrics = tuple(metrics_of(clean))
    names = columns(metrics)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["sweep", "rank", "frontier", *map(field, names)])
    for sweep in clean:
        for cell, row in sweep.rows.items():
            record = row.record(metrics)
            writer.writerow([field(sweep.name), field(str(sweep.shown[cell].get("rank") or "")), field(str(sweep.shown[cell].get("frontier") or "")), *(field(record.get(name)) for name in names)])
    return stream.getvalue()
