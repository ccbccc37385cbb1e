"""Human review: what people prefer, which metric to trust, what raters parted over, and how far they agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftbench.report.draw.pieces import empty, facts, note, piece, said, span, table, tag
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
COIN = (0.0, 1.0)
"""The axis of shares: from never to always."""


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
        _raters(found),
        _dimensions(found, names),
        _ratings(found, names),
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
    said = [(WORDS[one["verdict"]].format(*_sides(one, names)), _share(one.get("win_rate"))) for one in told]
    first = "; ".join(f"{words}: win rate {rate}" for words, rate in said)
    more = (
        [
            f"Undecided: {' and '.join('{} against {}'.format(*_sides(one, names)) for one in open_)}; that is no"
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


def _sides(one: Mapping[str, Any], names: Mapping[str, str]) -> tuple[str, str]:
    return names.get(one["first"], one["first"]), names.get(one["second"], one["second"])


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
        [*(escaped(words) for words in row[:2]), _span(one.get("win_rate")), *(escaped(words) for words in row[2:])]
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
        name = "{} <small>against</small> {}".format(*map(escaped, _sides(one, names)))
        p = test.get("p_adjusted")
        shares = [_share(one.get(name)) for name in ("win", "tie", "both_bad", "loss", "win_rate")]
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
            _span(one.get("accuracy")),
            *(_share(one.get(name)) for name in ("accuracy", "kendall", "spearman")),
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
            _share(one.get("accuracy")),
            _plain(one.get("kappa")),
            _share(one.get("position")),
            _share(one.get("consistent_over_orders")),
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


def _raters(found: Mapping[str, Any]) -> str:
    held, again, side = found.get("agreement") or {}, found.get("repeats") or {}, found.get("side") or {}
    if not held and not again and not side:
        return ""
    alpha = held.get("krippendorff") or {}
    whole = [
        (f"Krippendorff's alpha, {scale}", _share(alpha[scale]))
        for scale in ("nominal", "ordinal")
        if (alpha.get(scale) or {}).get("value") is not None
    ]
    fleiss = held.get("fleiss") or {}
    whole += (
        [("Fleiss' kappa", _plain(fleiss["value"]))]
        if fleiss.get("value") is not None and (fleiss.get("raters") or 0) > 2
        else []
    )
    whole += (
        [("same verdict when shown again", f"{_share(again)} of {again.get('n')}")]
        if again.get("value") is not None
        else []
    )
    whole += (
        [("left answer preferred", f"{_share(side)} of {side.get('n')}, p = {side['p']:.3f}")]
        if side.get("value") is not None and side.get("p") is not None
        else []
    )
    rows = []
    for one in held.get("raters") or ():
        name = one.get("rater")
        own, left = ((part.get("by_rater") or {}).get(name) for part in (again, side))
        rows.append(
            [
                escaped(one_line(str(name))),
                numbers.count(one.get("verdicts")),
                _share(one.get("agreement")),
                _plain(one.get("kappa")),
                _share(own),
                _share(left),
            ]
        )
    pairs = [
        [
            f"{escaped(one_line(str(one['first'])))} <small>and</small> {escaped(one_line(str(one['second'])))}",
            _plain(one.get("value")),
            _plain(one.get("agreement")),
            numbers.count(one.get("units")),
        ]
        for one in held.get("cohen") or ()
    ]
    head = (
        "rater",
        "verdicts",
        "agrees with most of the others",
        "kappa with them",
        "same verdict when shown again",
        "left preferred",
    )
    told = (
        "Alpha and kappa: 1 is full agreement, 0 is what chance gives. Where raters part, a ranking by their verdicts"
        " speaks of these raters."
    )
    pair_head = ("two raters", "Cohen’s kappa", "share alike", "comparisons of both")
    return (
        f"<h3>Do raters agree?</h3>{facts(whole)}<p><small>{escaped(told)}</small></p>"
        f"{table(head, rows, numbers=(1, 2, 3, 4, 5)) if rows else ''}"
        f"{table(pair_head, pairs, numbers=(1, 2, 3)) if pairs else ''}"
    )


def _dimensions(found: Mapping[str, Any], names: Mapping[str, str]) -> str:
    rows = [
        [
            escaped(one_line(str(name))) if not place else "",
            escaped(names.get(one["system"], one["system"])),
            _span(one.get("win_rate")),
            _share(one.get("win_rate")),
            numbers.count(one.get("n")),
        ]
        for name, ranking in (found.get("dimensions") or {}).items()
        for place, one in enumerate(ranking)
    ]
    return (
        "<h3>What else was asked <small>described, not"
        f" tested</small></h3>{table(('question', 'cell', '', 'win rate', 'n'), rows, numbers=(3, 4), track=2)}"
        if rows
        else ""
    )


def _ratings(found: Mapping[str, Any], names: Mapping[str, str]) -> str:
    rows, notes = [], []
    for name, entry in (found.get("ratings") or {}).items():
        rows += [
            [
                escaped(one_line(str(name))) if not place else "",
                escaped(names.get(one["system"], one["system"])),
                _share(one),
                numbers.count(one.get("n")),
            ]
            for place, one in enumerate(entry.get("means") or ())
        ]
        alpha = ((entry.get("agreement") or {}).get("krippendorff") or {}).get("ordinal") or {}
        notes += (
            [
                f"{name}: raters agree by Krippendorff's alpha (ordinal) {_share(alpha)} over {alpha.get('units')}"
                " answers."
            ]
            if alpha.get("value") is not None
            else []
        )
    if not rows:
        return ""
    found = table(("question", "cell", "mean", "n"), rows, numbers=(2, 3))
    return f"<h3>Mean ratings</h3>{found}{''.join(note(words) for words in notes)}"


def _span(found: Mapping[str, Any] | None) -> str:
    return span((found or {}).get("low"), (found or {}).get("value"), (found or {}).get("high"), COIN)


def _share(found: Mapping[str, Any] | None) -> str:
    if not found or found.get("value") is None:
        return numbers.UNKNOWN
    return numbers.figure(found["value"], found.get("low"), found.get("high"), 2, limits=True)


def _plain(value: float | None) -> str:
    return numbers.UNKNOWN if value is None else f"{value:.2f}"
