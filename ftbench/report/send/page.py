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
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ftbench.report.draw import decision as pieces
from ftbench.report.draw import ownership
from ftbench.report.draw import review as people
from ftbench.report.draw import statistics as tables
from ftbench.report.draw.pieces import empty, note, notes, notes_of, tag
from ftbench.report.draw.scatter import chart
from ftbench.report.draw.style import rules, variables
from ftbench.report.send.clean import cleaned, cleaned_data, cleaned_examples, cleaned_review
from ftbench.report.view import statistics as view
from ftbench.report.view.decision import Decision, decisions
from ftbench.report.view.labels import short
from ftbench.report.view.outputs import Answer, Shown, examples, index
from ftbench.report.view.ownership import owned
from ftbench.report.view.review import agreements, review_page
from ftbench.report.view.sweep import Sweep
from ftbench.report.view.table import Table, metrics_of, table
from ftbench.report.view.weighed import choices_of
from ftbench.text.html import escaped
from ftbench.text.terminal import cut, one_line

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
    chosen = _chosen(first, count)
    for most in LIMITS:
        whole = _document(head, before + _outputs(first, chosen, most) + after)
        if len(whole.encode("utf-8")) <= MOST_BYTES:
            return whole
    while chosen.shown and len(whole.encode("utf-8")) > MOST_BYTES:
        chosen = chosen.fewer()
        whole = _document(head, before + _outputs(first, chosen, LIMITS[-1]) + after)
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
        f"<h2>What owning it costs</h2>{ownership.sentence(found, ranked.labels, one.verdict.open)}"
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
    parts += ["<h2>Data</h2>", tables.data(cleaned_data(view.data(sweeps, lengths=True)))]
    return f'<section id="statistics">{"".join(parts)}</section>'


@dataclass(frozen=True)
class _Chosen:
    """The examples that stand in the file, read once.

    Attributes:
        shown: the examples; ``places`` their numbers in the test split; ``total`` how many that split has.
        cells: ids, best first; ``scores`` [cells, examples] of the first metric.
    """

    shown: tuple[Shown, ...]
    places: tuple[int, ...]
    total: int
    cells: tuple[str, ...]
    scores: np.ndarray
    higher: bool

    def fewer(self) -> _Chosen:
        half = len(self.shown) // 2
        return replace(self, shown=self.shown[:half], places=self.places[:half])


def _chosen(whole: Table, count: int) -> _Chosen:
    cells = [
        row.id for row in whole.rows.values() if row.done and whole.home[row.id].folder_of(row.id, "generate.test")
    ]
    found = index(whole, cells)
    total = len(found.ids)
    places = (
        sorted({int(place) for place in np.linspace(0, total - 1, min(count, total)).round()})
        if total and count > 0
        else []
    )
    shown = examples(whole, cells, [found.ids[place] for place in places], (whole.metric,))
    kept = tuple(place for place in places if found.ids[place] in {one.id for one in shown})
    return _Chosen(tuple(cleaned_examples(shown)), kept, total, found.cells, found.scores, found.higher)


def _outputs(whole: Table, chosen: _Chosen, most: int) -> str:
    if not chosen.shown:
        return f'<section id="outputs"><h2>Outputs</h2>{note("No example stands in this file.")}</section>'
    number = {cell: place for place, cell in enumerate(chosen.cells)}
    labels = short({cell: whole.labels[cell] for cell in chosen.cells})
    cards = "".join(
        _card(one, place, chosen, number, labels, most) for one, place in zip(chosen.shown, chosen.places, strict=True)
    )
    spread = (
        f"{len(chosen.shown)} of {chosen.total} test examples, spread evenly over the split"
        if len(chosen.shown) < chosen.total
        else f"all {chosen.total} test examples"
    )
    long = (
        f" Texts are cut at {most:,} characters."
        if any(len(answer.output) > most for one in chosen.shown for answer in one.answers)
        else ""
    )
    return (
        f'<section id="outputs"><h2>Outputs side by side</h2><p class="ft-soft">{spread}. Equal answers stand once;'
        f" numbers are {escaped(whole.metric)} of that example alone.{long}</p>{_tools(chosen, labels)}<div"
        f' id="ft-examples" data-higher="{int(chosen.higher)}">{cards}</div></section>'
    )


def _tools(chosen: _Chosen, labels: dict[str, str]) -> str:
    def select(name: str, words: str, options: Sequence[tuple[str, str]], picked: str) -> str:
        shown = "".join(
            f'<option value="{escaped(value)}"{" selected" if value == picked else ""}>'
            f"{escaped(one_line(text))}</option>"
            for value, text in options
        )
        return f'<label>{words}<br><select id="ft-{name}">{shown}</select></label>'

    cells = [(str(place), labels[cell]) for place, cell in enumerate(chosen.cells)]
    last = str(len(cells) - 1)
    return (
        '<div class="ft-tools">'
        + select("other", "Cell", cells, "0")
        + select("base", "against", cells, last)
        + select(
            "only",
            "Show answers of",
            (("every", "every cell"), ("pair", "these two")),
            "every" if len(cells) <= 6 else "pair",
        )
        + select(
            "order",
            "Order",
            (("split", "as in the split"), ("disagreement", "disagreement"), ("gain", "gain"), ("loss", "loss")),
            "split",
        )
        + select("kind", "Outcome", (("all", "all"), ("win", "wins"), ("loss", "losses"), ("tie", "ties")), "all")
        + select("marks", "Mark differences from", (("nothing", "nothing"), ("reference", "the reference")), "nothing")
        + '<label>Search<br><input id="ft-search" type="search"></label><small id="ft-shown"></small></div>'
    )


def _card(one: Shown, place: int, chosen: _Chosen, number: dict[str, int], labels: dict[str, str], most: int) -> str:
    scores = " ".join("" if value != value else f"{value:.4g}" for value in chosen.scores[:, place].tolist())
    slices = "".join(
        tag(f"{cut(one_line(name), 30)}: {cut(one_line(value), 40)}", "grey") for name, value in one.slices.items()
    )
    groups: dict[tuple[str, str], list[Answer]] = {}
    for answer in one.answers:
        groups.setdefault((answer.output, answer.finish), []).append(answer)
    answers = "".join(_answer(members, number, labels, most) for members in groups.values())
    passages = "".join(
        f'<div class="ft-passage{" ft-gold" if gold else ""}"><small>{escaped(cut(one_line(name), 80))}</small>'
        f" {_text(text or '', min(most, 600))}</div>"
        for name, text, gold in one.passages
    )
    looked = (
        f"<section><details><summary>{len(one.passages)} retrieved passages, {sum(gold for _, _, gold in one.passages)}"
        f" with the answer</summary>{passages}</details></section>"
        if passages
        else ""
    )
    references = "".join(_text(reference, most) for reference in one.references[:4])
    return (
        f'<article class="ft-ex" id="example-{place}" data-i="{place}" data-s="{scores}"><header>'
        f'<p class="ft-id"><a href="#example-{place}">{escaped(cut(one_line(one.id), 60))}</a>'
        f" {slices}</p>{_text(one.question, most)}</header>"
        f'<section class="ft-reference"><h4>Reference</h4>{references}</section>'
        f'<section class="ft-answers">{answers}</section>{looked}</article>\n'
    )


def _answer(members: Sequence[Answer], number: dict[str, int], labels: dict[str, str], most: int) -> str:
    first = members[0]
    state = (
        tag("failed", "red")
        if first.finish == "error"
        else tag("cut at the length cap", "amber")
        if first.finish == "length"
        else ""
    )
    names = ", ".join(
        f"{escaped(one_line(labels[answer.cell]))} <small>{_scored(answer)}</small>" for answer in members
    )
    cells = " ".join(str(number[answer.cell]) for answer in members)
    return f'<div class="ft-answer" data-c="{cells}"><h4>{names} {state}</h4>{_text(first.output, most)}</div>'


def _scored(answer: Answer) -> str:
    value = next(iter(answer.scores.values()), None)
    return "" if value is None else f"{value:.3g}"


def _text(text: str, most: int) -> str:
    return f'<div class="ft-text" dir="auto">{escaped(cut(text, most))}</div>' if text else "<small>(empty)</small>"
