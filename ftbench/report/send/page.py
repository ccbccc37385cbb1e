"""``report --html FILE``: decision, outputs and statistics in one file that opens from an attachment and asks no
network for anything.

Everything is in the HTML itself, so that it can be read with scripts off and printed; a small script of ours only
filters, orders and marks differences. The content policy allows this one script and this one style sheet, by their
hashes, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from ftbench.report.draw import decision as pieces
from ftbench.report.draw import ownership
from ftbench.report.draw import review as people
from ftbench.report.draw import statistics as tables
from ftbench.report.draw.pieces import empty, note, notes, notes_of
from ftbench.report.draw.scatter import chart
from ftbench.report.draw.style import rules, variables
from ftbench.report.send.clean import cleaned, cleaned_data, cleaned_review
from ftbench.report.send.page_outputs import chosen_examples, outputs_section
from ftbench.report.view import statistics as view
from ftbench.report.view.compared_costs import choices_of
from ftbench.report.view.data import data
from ftbench.report.view.decision import Decision, decisions
from ftbench.report.view.ownership import owned
from ftbench.report.view.review import agreements, review_page
from ftbench.report.view.sweep import Sweep
from ftbench.report.view.table import Table, metrics_of, table
from ftbench.text.html import escaped
from ftbench.text.terminal import one_line

EXAMPLES = 40
MOST_BYTES = 4_800_000
"""A mail gateway lets 5 MB pass nearly everywhere."""
LIMITS = (4000, 2000, 1000, 600, 400, 250, 150, 80)
"""Characters of one text, tried in this order until the file is small enough."""
REVIEWED = 1000
"""Characters of one text among the disagreements of human review."""
SCRIPT = Path(__file__).with_name("page.js")

_FRAME = """
body{margin:0;background:var(--ft-ground);color:var(--ft-ink)}
.ft-page{max-width:1320px;margin:0 auto;padding:22px 26px 60px}
.ft-top{display:flex;flex-wrap:wrap;justify-content:space-between;gap:4px 24px;align-items:baseline;margin-bottom:14px;
border-bottom:1px solid var(--ft-line);padding-bottom:12px}
.ft-top h1{font-size:17px}.ft-top nav a{margin-left:18px}.ft-top nav a:first-child{margin-left:0}
.ft-tools{display:none;flex-wrap:wrap;gap:10px 16px;align-items:end;margin:10px 0 14px}.ft-js .ft-tools{display:flex}
.ft-tools label{font-size:12.5px;color:var(--ft-soft);display:block}
.ft-tools select,.ft-tools input{font:inherit;font-size:14px;color:var(--ft-ink);background:var(--ft-panel);
border:1px solid var(--ft-line);border-radius:6px;padding:6px 8px;min-width:150px;max-width:260px}
.ft-other-metric,.ft-js .ft-no-js{display:none}.ft-ex{content-visibility:auto;contain-intrinsic-size:auto 260px}
.ft-ex:target,.ft-rank details:target{outline:2px solid var(--ft-accent)}
.ft-js .ft-head [data-sort]{cursor:pointer;text-decoration:underline dotted;text-underline-offset:3px}
.ft-js .ft-head .ft-sorted{color:var(--ft-ink);text-decoration:underline}
.ft-many>summary{font-weight:600;padding:4px 0}
@media (max-width:640px){.ft-page{padding:14px 14px 40px}}
@media print{.ft-tools{display:none!important}.ft-page{padding:0;max-width:none}.ft-ex{content-visibility:visible}}
"""


def html(sweeps: Sequence[Sweep], count: int = EXAMPLES) -> str:
    """Returns the file.

    Args:
        sweeps: at least one with results.
        count: how many examples stand in it, spread evenly over the test split.
    """
    clean = [cleaned(sweep) for sweep in sweeps if sweep.results is not None]
    metrics = metrics_of(clean)
    first = table(clean)
    reviewed = _review(clean)
    head = _head(clean, first, bool(reviewed))
    before, after = (
        f"<main>{_decision(clean, first, metrics)}",
        f"{_statistics(clean, first, metrics)}{reviewed}</main>",
    )
    chosen = chosen_examples(first, count)
    for most in LIMITS:
        whole = _document(head, before + outputs_section(first, chosen, most) + after)
        if len(whole.encode("utf-8")) <= MOST_BYTES:
            return whole
    while chosen.shown and len(whole.encode("utf-8")) > MOST_BYTES:
        chosen = chosen.fewer()
        whole = _document(head, before + outputs_section(first, chosen, LIMITS[-1]) + after)
    return whole


def _document(head: str, body: str) -> str:
    style, script = variables(None) + rules() + _FRAME, SCRIPT.read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy"'
        f' content="{policy}"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer"'
        ' content="no-referrer"><meta name="generator"'
        f' content="ftbench"><title>Comparison</title><style>{style}</style></head><body><div class="ft'
        f' ft-page">{head}{body}</div><script>{script}</script></body></html>\n'
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


def _head(sweeps: Sequence[Sweep], whole: Table, people: bool) -> str:
    names = ", ".join(sweep.name for sweep in sweeps)
    done = sum(row.done for row in whole.rows.values())
    return (
        f'<header class="ft-top"><h1>ftbench comparison <small>{escaped(names)} · {done} of {len(whole.rows)} cells'
        ' done</small></h1><nav class="ft-screen"><a href="#decision">Decision</a><a href="#outputs">Outputs</a><a'
        ' href="#statistics">Statistics and data</a>'
        + ('<a href="#review">Human review</a>' if people else "")
        + "</nav></header>"
    )


def _decision(sweeps: Sequence[Sweep], first: Table, metrics: Sequence[str]) -> str:
    """Returns the first page by every metric; scripts off, only the one by the sweep's own metric is shown."""
    parts = []
    for number, metric in enumerate(metrics):
        ranked = first if metric == first.metric else table(sweeps, metric)
        shown = decisions(ranked)
        if not shown:
            continue
        drawn = "".join(
            f"{pieces.verdict(one, next(iter(agreements(sweeps, metric)), None))}<h2>Quality against"
            " cost</h2>"
            f"{chart(one, link=lambda line, place=number: f'#cell-{place}-{line.row.id}')}<h2>Ranking</h2>"
            f"{pieces.ranking(one, anchor=f'cell-{number}-')}{pieces.sentences(one)}{_owned(ranked, one)}"
            for one in shown
        )
        parts.append(
            f'<div class="ft-metric{"" if metric == first.metric else " ft-other-metric"}"'
            f' data-metric="{escaped(metric)}">{drawn}</div>'
        )
    options = "".join(f"<option>{escaped(one_line(metric))}</option>" for metric in metrics)
    tools = (
        '<div class="ft-tools"><label>Metric<br><select'
        f' id="ft-metric">{options}</select></label><label>Cells<br><input id="ft-cells" type="search"'
        ' placeholder="part of a name"></label></div>'
    )
    alone = (
        '<div class="ft-no-js">'
        + note(
            f"Ranked by {first.metric} alone: scripts are off or blocked here. With them, a menu ranks by each of the"
            f" {len(metrics)} metrics; Statistics below has all their values."
        )
        + "</div>"
        if len(metrics) > 1
        else ""
    )
    undone = pieces.undone(first.undone(), first.unranked(), first.metric)
    told = (
        f"<details><summary>{notes_of(len(first.notes))}</summary>{notes(first.notes)}</details>" if first.notes else ""
    )
    beyond = pieces.ceilings(first.ceilings(None), first.metric, alone=not first.families)
    why = ("No cell of this sweep has a score to rank.", "What stopped the cells stands below.")
    nothing = "" if beyond else empty(*why)
    ranked = f"{tools}{alone}{''.join(parts)}" if parts else nothing
    return f'<section id="decision">{ranked}{beyond}{undone}{told}</section>'


def _owned(ranked: Table, one: Decision) -> str:
    """Returns what owning costs at the load that the sweep's config stated; nothing where it stated none, or no price
    is known.
    """
    if one.weighed.load is None:
        return ""
    found = owned(one, choices_of(ranked), one.weighed.load)
    labels = {line.row.id: line.label for line in one.lines}
    return (
        f"<h2>What owning it costs</h2>{ownership.sentence(found, ranked.labels, one.contenders)}"
        f"{ownership.chart(found, labels)}{ownership.parts(found, labels)}"
    )


def _review(sweeps: Sequence[Sweep]) -> str:
    """Returns what people concluded of each sweep that they judged."""
    found = [(sweep, page) for sweep in sweeps if (page := review_page(sweep)).conclusions]
    parts = [
        (f"<h3>{escaped(sweep.name)}</h3>" if len(found) > 1 else "") + people.review(cleaned_review(page), REVIEWED)
        for sweep, page in found
    ]
    return f'<section id="review"><h2>Human review</h2>{"".join(parts)}</section>' if parts else ""


def _statistics(sweeps: Sequence[Sweep], first: Table, metrics: Sequence[str]) -> str:
    parts = ["<h2>Comparisons</h2>"]
    for family in first.families:
        parts.append(
            f"<h3>{escaped(family['dataset'])}, by {escaped(first.metric)}</h3>" if len(first.families) > 1 else ""
        )
        parts.append(tables.pairs(view.pairs(first, family), family.get("family", ""), first.confidence))
    parts += [] if first.families else [tables.pairs((), "", first.confidence)]
    parts += [
        "<h2>Seeds apart from sampling</h2>",
        tables.seeds([one for family in first.families for one in view.seed_gaps(first, family)]),
    ]
    parts += ["<h2>All metrics</h2>", tables.metrics(view.metric_tables(first, metrics))]
    maps = view.heats(first, metrics)
    parts += ["<h2>Slices</h2>", *(tables.heat(one) for one in maps)] if maps else []
    parts += ["<h2>Do the metrics agree?</h2>", tables.correlations(*view.correlations(first, metrics))]
    parts += ["<h2>Data</h2>", tables.data(cleaned_data(data(sweeps, lengths=True)))]
    return f'<section id="statistics">{"".join(parts)}</section>'
