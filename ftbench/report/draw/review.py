"""Human review: what people prefer, which metric to trust, what raters parted over, and how far they agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftbench.report.draw.pieces import empty, facts, note, piece, said, table, tag
from ftbench.report.draw.review_tables import dimensions, plain, raters, ratings, share_text, sides, span_text
from ftbench.report.view.review import Reading, ReviewPage
from ftbench.text import numbers
from ftbench.text.html import escaped
from ftbench.text.terminal import cut, one_line

WORDS = {
    "better": "people prefer {0} to {1}",
    "equivalent": "to people {0} is as good as {1}, within the margin",
    "not worse": "to people {0} is not worse than {1} by the margin",
    "not better": "to people {0} is not better than {1} by the margin",
}
KINDS = {"better": "green", "undecided": "amber"}
OPEN = 4
"""Disagreements that stand open; the others fold."""


def review(page: ReviewPage, most: int = 2000) -> str:
    """Returns the conclusions of human review, or how to start one.

    Args:
        most: characters of one text among the disagreements.
    """
    if page.problem:
        return piece(note(page.problem, "red"))
    if page.conclusions is None:
        progress = (
            f"{page.verdicts:,} verdicts are in the ledger. Importing a sheet again concludes from them, counting"
            " nothing twice; review stats says what they lack."
            if page.verdicts
            else "Blind sheets for your reviewers, a ledger of their verdicts, and what follows from them:"
        )
        return piece(
            empty(
                "Nobody has concluded anything yet." if page.verdicts else "Nobody has reviewed these answers yet.",
                progress,
                page.start,
            )
        )
    found = page.conclusions
    names = {str(system): one_line(str(label)) for system, label in (found.get("systems") or {}).items()}
    split = str(found.get("split") or "test")
    where = (
        note(f"This review is of {split} examples: it feeds review pairs, and ranks no cell.", "amber")
        if split != "test"
        else ""
    )
    return piece(
        where,
        _verdict(page, names),
        _counts(found),
        _ranking(page),
        _pairs(page, names),
        _metrics(found),
        _judges(found),
        _disagreements(page, most),
        raters(found),
        dimensions(found, names),
        ratings(found, names),
        *(note(str(words)) for words in found.get("notes") or ()),
        *(note(str(words), "amber") for words in found.get("problems") or ()),
    )


def _verdict(page: ReviewPage, names: Mapping[str, str]) -> str:
    """Returns the sentence on top: what people prefer, as far as it is shown, with the win rates of the winners."""
    tested = [one for one in page.pairs if one.get("sign_test")]
    if not tested:
        return ""
    told = [one for one in tested if one.get("verdict") in WORDS]
    open_ = [one for one in tested if one.get("verdict") not in WORDS]
    said = [(WORDS[one["verdict"]].format(*sides(one, names)), share_text(one.get("win_rate"))) for one in told]
    first = "; ".join(f"{words}: win rate {rate}" for words, rate in said)
    more = (
        [
            f"Undecided: {' and '.join('{} against {}'.format(*sides(one, names)) for one in open_)}; that is no"
            " proof that they are equal."
        ]
        if open_
        else []
    )
    few = min(one.get("clusters") or 0 for one in tested)
    more += (
        [f"Only {few} independent examples for some pairs: intervals and tests over so few are rough."]
        if few < 20
        else []
    )
    badge = (
        tag("Undecided", "amber") if not told else tag("Shown", "green") if not open_ else tag("Partly shown", "amber")
    )
    words = f"{first[:1].upper()}{first[1:]}." if first else "People's verdicts decide nothing yet."
    lines = "".join(f"<p class=ft-sure>{escaped(one)}</p>" for one in more)
    return (
        f'<section class="ft-verdict ft-{"clear" if told and not open_ else "undecided"}">{badge}'
        '<span class="ft-soft">what people prefer</span>'
        f'<p class="ft-say">{escaped(words)}</p>{lines}</section>'
    )


def _counts(found: Mapping[str, Any]) -> str:
    known = found.get("counts") or {}
    names = (
        ("raters", "raters"),
        ("verdicts", "verdicts"),
        ("comparisons", "comparisons"),
        ("examples", "examples"),
        ("clusters", "independent groups"),
        ("repeats", "shown again"),
        ("identical", "same text, a tie"),
        ("ratings", "ratings"),
        ("comments", "comments"),
        ("items_outdated", "outdated, not counted"),
    )
    return facts((words, numbers.count(known[name])) for name, words in names if known.get(name))


def _ranking(page: ReviewPage) -> str:
    found = page.conclusions or {}
    if not {"ranking", "systems", "settings", "bradley_terry"} <= found.keys():
        return ""
    head, *body = page.ranking
    rows = [
        [*(escaped(words) for words in row[:2]), span_text(one.get("win_rate")), *(escaped(words) for words in row[2:])]
        for one, row in zip(found["ranking"], body, strict=True)
    ]
    reference = (found["bradley_terry"] or {}).get("reference")
    told = (
        "Win rate: the share of comparisons won, a tie counting half, over all opponents; every comparison counts once,"
        " however many raters judged it. The intervals cover other examples, not other raters."
    )
    told += (
        " Bradley-Terry strengths are log odds of winning against"
        f" {one_line(str(found['systems'].get(reference, reference)))}, which stands at 0."
        if reference is not None
        else ""
    )
    names = [escaped(words) for words in head]
    found = table([*names[:2], "", *names[2:]], rows, numbers=(0, 3, 4, 5), label=1, track=2)
    return f"<h3>Ranked by people</h3>{found}<small>{escaped(told)}</small>"


def _pairs(page: ReviewPage, names: Mapping[str, str]) -> str:
    rows = []
    for one in page.pairs:
        test = one.get("sign_test") or {}
        verdict = str(one.get("verdict", "")) if test else "not tested"
        name = "{} <small>against</small> {}".format(*map(escaped, sides(one, names)))
        p = test.get("p_adjusted")
        shares = [share_text(one.get(name)) for name in ("win", "tie", "both_bad", "loss", "win_rate")]
        rows.append(
            [
                name,
                tag(verdict, KINDS.get(verdict, "grey")),
                *shares,
                "" if p is None else "&lt; 0.001" if p < 0.001 else f"{p:.3f}",
                numbers.count(one.get("n")),
            ]
        )
    if not rows:
        return ""
    untested = any(not one.get("sign_test") for one in page.pairs)
    left = "<small>not tested: a pair outside the declared family, shown for the record</small>" if untested else ""
    head = ("pair", "verdict", "win", "tie", "both bad", "loss", "win rate", "p adjusted", "n")
    return f"<h3>Pair by pair</h3>{table(head, rows, numbers=(2, 3, 4, 5, 6, 7, 8))}{left}"


def _metrics(found: Mapping[str, Any]) -> str:
    rows = [
        [
            escaped(str(one.get("metric"))),
            span_text(one.get("accuracy")),
            *(share_text(one.get(name)) for name in ("accuracy", "kendall", "spearman")),
            numbers.count(one.get("decided")),
        ]
        for one in found.get("metrics") or ()
    ]
    if not rows:
        return ""
    told = (
        "The share of the comparisons which people decided that a metric decides alike; 0.5 is a coin, and below it a"
        " metric points the wrong way."
    )
    head = ("metric", "", "orders answers as people do", "Kendall", "Spearman", "comparisons decided")
    return f"<h3>Which metric to trust</h3>{table(head, rows, numbers=(2, 3, 4, 5), track=1)}<small>{told}</small>"


def _judges(found: Mapping[str, Any]) -> str:
    rows = [
        [
            escaped(str(one.get("judge"))),
            share_text(one.get("accuracy")),
            plain(one.get("kappa")),
            share_text(one.get("position")),
            share_text(one.get("consistent_over_orders")),
            numbers.count(one.get("n")),
        ]
        for one in found.get("judges") or ()
    ]
    head = ("judge", "decides as people do", "kappa", "prefers what stands first", "same in both orders", "comparisons")
    return f"<h3>A model as judge, against people</h3>{table(head, rows, numbers=(1, 2, 3, 4, 5))}" if rows else ""


def _disagreements(page: ReviewPage, most: int) -> str:
    if not page.readings:
        return ""
    told = "The comparisons that raters parted over, the widest apart first, and those with comments."
    cards = [_reading(one, most) for one in page.readings]
    more = (
        f'<details class="ft-many"><summary>{len(cards) - OPEN} more</summary>{"".join(cards[OPEN:])}</details>'
        if len(cards) > OPEN
        else ""
    )
    return f'<h3>Disagreements worth reading</h3><p class="ft-soft">{told}</p>{"".join(cards[:OPEN])}{more}'


def _reading(one: Reading, most: int) -> str:
    voices = [f"<b>{escaped(one_line(rater))}</b> {escaped(one_line(words))}" for rater, words in one.choices]
    wrote = "".join(
        f"<p><b>{escaped(one_line(rater))}</b> wrote: {escaped(cut(one_line(words), most))}</p>"
        for rater, words in one.comments
    )
    question = (
        said(one.question, most) if one.question is not None else "<small>the texts are not in this report</small>"
    )
    answers = "".join(
        f'<div class="ft-answer"><h4>{escaped(label)}</h4>'
        f"{said(text, most) if text is not None else '<small>not in this report</small>'}</div>"
        for label, text in one.answers
    )
    return (
        '<article class="ft-ex"><header><p'
        f' class="ft-id">{escaped(cut(one_line(one.example), 80))}</p>{question}</header><section'
        f' class="ft-answers">{answers}</section><section><p>{" · ".join(voices)}</p>{wrote}</section></article>'
    )
