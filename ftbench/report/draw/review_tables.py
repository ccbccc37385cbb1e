"""The tables of a review: raters and their agreement, dimensions, ratings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftbench.report.draw.pieces import facts, note, span, table
from ftbench.text import numbers
from ftbench.text.html import escaped
from ftbench.text.terminal import one_line

SHARES = (0.0, 1.0)
"""The axis of shares: from never to always."""


def sides(one: Mapping[str, Any], names: Mapping[str, str]) -> tuple[str, str]:
    return names.get(one["first"], one["first"]), names.get(one["second"], one["second"])


def raters(found: Mapping[str, Any]) -> str:
    held, again, side = found.get("agreement") or {}, found.get("repeats") or {}, found.get("side") or {}
    if not held and not again and not side:
        return ""
    alpha = held.get("krippendorff") or {}
    whole = [
        (f"Krippendorff's alpha, {scale}", share_text(alpha[scale]))
        for scale in ("nominal", "ordinal")
        if (alpha.get(scale) or {}).get("value") is not None
    ]
    fleiss = held.get("fleiss") or {}
    whole += (
        [("Fleiss' kappa", plain(fleiss["value"]))]
        if fleiss.get("value") is not None and (fleiss.get("raters") or 0) > 2
        else []
    )
    whole += (
        [("same verdict when shown again", f"{share_text(again)} of {again.get('n')}")]
        if again.get("value") is not None
        else []
    )
    whole += (
        [("left answer preferred", f"{share_text(side)} of {side.get('n')}, p = {side['p']:.3f}")]
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
                share_text(one.get("agreement")),
                plain(one.get("kappa")),
                share_text(own),
                share_text(left),
            ]
        )
    pairs = [
        [
            f"{escaped(one_line(str(one['first'])))} <small>and</small> {escaped(one_line(str(one['second'])))}",
            plain(one.get("value")),
            plain(one.get("agreement")),
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


def dimensions(found: Mapping[str, Any], names: Mapping[str, str]) -> str:
    rows = [
        [
            escaped(one_line(str(name))) if not place else "",
            escaped(names.get(one["system"], one["system"])),
            span_text(one.get("win_rate")),
            share_text(one.get("win_rate")),
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


def ratings(found: Mapping[str, Any], names: Mapping[str, str]) -> str:
    rows, notes = [], []
    for name, entry in (found.get("ratings") or {}).items():
        rows += [
            [
                escaped(one_line(str(name))) if not place else "",
                escaped(names.get(one["system"], one["system"])),
                share_text(one),
                numbers.count(one.get("n")),
            ]
            for place, one in enumerate(entry.get("means") or ())
        ]
        alpha = ((entry.get("agreement") or {}).get("krippendorff") or {}).get("ordinal") or {}
        notes += (
            [
                f"{name}: raters agree by Krippendorff's alpha (ordinal) {share_text(alpha)} over {alpha.get('units')}"
                " answers."
            ]
            if alpha.get("value") is not None
            else []
        )
    if not rows:
        return ""
    found = table(("question", "cell", "mean", "n"), rows, numbers=(2, 3))
    return f"<h3>Mean ratings</h3>{found}{''.join(note(words) for words in notes)}"


def span_text(found: Mapping[str, Any] | None) -> str:
    return span((found or {}).get("low"), (found or {}).get("value"), (found or {}).get("high"), SHARES)


def share_text(found: Mapping[str, Any] | None) -> str:
    if not found or found.get("value") is None:
        return numbers.UNKNOWN
    return numbers.figure(found["value"], found.get("low"), found.get("high"), 2, limits=True)


def plain(value: float | None) -> str:
    return numbers.UNKNOWN if value is None else f"{value:.2f}"
