"""Small pieces that every page is made of: tables, facts, notes, empty states. Their arguments are text, never HTML,
unless they say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ftbench.text.html import escaped
from ftbench.text.terminal import cut

MOST = 8000
"""Characters of one text that a page shows at once."""


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    label: int | None = 0,
    track: int | None = None,
) -> str:
    """Returns a table of HTML cells, which the caller has escaped; it scrolls sideways where it does not fit.

    Args:
        numbers: columns set flush right.
        label: the column that names the row, which is kept wide; None for none.
        track: the column of bars or intervals, wide enough to read; a phone leaves it out, so that the figures are
            seen.
    """
    kinds = ["ft-num" if index in numbers else "ft-label" if index == label else "" for index in range(len(head))]
    kinds = ["ft-wide" if index == track else kind for index, kind in enumerate(kinds)]
    top = "".join(
        f'<th scope="col"{_kind(kind if kind != "ft-label" else "")}>{words}</th>'
        for words, kind in zip(head, kinds, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f"<td{_kind(kind)}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="ft-scroll" tabindex="0"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Returns names over values."""
    return (
        '<dl class="ft-facts">'
        + "".join(f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>" for name, value in pairs)
        + "</dl>"
    )


def note(words: str, kind: str = "") -> str:
    """Returns a remark; ``kind`` is ``amber`` for what needs attention, ``red`` for what went wrong."""
    return f'<p class="ft-note{f" ft-{kind}" if kind else ""}">{escaped(words)}</p>'


def notes(sentences: Iterable[str]) -> str:
    return "".join(note(sentence) for sentence in sentences)


def notes_of(count: int) -> str:
    return f"{count} note{'s' * (count != 1)} on this sweep"


def empty(title: str, words: str, commands: Sequence[str] = ()) -> str:
    """Returns what stands where there is nothing to show, and how to get it."""
    typed = f'<pre class="ft-code">{escaped(chr(10).join(commands))}</pre>' if commands else ""
    return f'<div class="ft-empty"><p><b>{escaped(title)}</b></p><p>{escaped(words)}</p>{typed}</div>'


def tag(words: str, kind: str = "") -> str:
    return f'<span class="ft-tag{f" ft-{kind}" if kind else ""}">{escaped(words)}</span>'


def code(words: str) -> str:
    return f'<pre class="ft-code">{escaped(words)}</pre>'


def said(words: str, most: int = MOST) -> str:
    """Returns text that a model or a data set holds: as it stands, line by line, in its own direction of reading."""
    return (
        f'<div class="ft-text" dir="auto">{escaped(cut(words, most))}</div>'
        if words
        else '<div class="ft-text"><small>(empty)</small></div>'
    )


def span(
    low: float | None, value: float | None, high: float | None, axis: tuple[float, float], *, lead: bool = False
) -> str:
    """Returns an interval and its point on an axis."""
    if value is None:
        return ""
    ends = ""
    if low is not None and high is not None:
        start, end = share(low, axis), share(high, axis)
        ends = f'<span class="ft-span ft-l{start} ft-w{max(1, end - start)}"></span>'
    return (
        f'<div class="ft-track{" ft-lead" if lead else ""}">{ends}<span class="ft-dot'
        f' ft-l{share(value, axis)}"></span></div>'
    )


def share(value: float, axis: tuple[float, float]) -> int:
    """Returns where a value stands on an axis, in whole per cent."""
    low, high = axis
    return 50 if high <= low else max(0, min(100, round((value - low) / (high - low) * 100)))


def piece(*parts: str) -> str:
    """Returns parts as one piece of the report; ``parts`` are HTML."""
    return f'<div class="ft">{"".join(parts)}</div>'


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
