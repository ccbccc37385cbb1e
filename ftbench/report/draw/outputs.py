"""One example with the answers of several cells beside each other: question, passages, references, word-level
differences, scores.
"""

from __future__ import annotations

from collections.abc import Mapping

from ftbench.report.draw.pieces import said, tag
from ftbench.report.view.outputs import Answer, Shown, differing
from ftbench.text.html import escaped
from ftbench.text.terminal import cut, one_line

MOST = 6000


def example(
    one: Shown,
    labels: Mapping[str, str],
    *,
    against: str | None = None,
    outcome: str | None = None,
    link: str | None = None,
    most: int = MOST,
) -> str:
    """Returns the card of one example.

    Args:
        labels: cell id -> its name.
        against: what answers are compared with word by word: ``reference``, the id of a cell, or None for no
            comparison.
        outcome: ``win``, ``loss`` or ``tie`` of the last answer against the first.
        link: address of this example alone.
        most: characters of one text.
    """
    base = _base(one, against)
    answers = "".join(_answer(answer, labels, base if answer.cell != against else None, most) for answer in one.answers)
    slices = "".join(
        tag(f"{cut(one_line(name), 40)}: {cut(one_line(value), 60)}", "grey") for name, value in one.slices.items()
    )
    result = tag(outcome, {"win": "green", "loss": "red"}.get(outcome, "grey")) if outcome else ""
    name = (
        f'<a href="{escaped(link)}">{escaped(cut(one_line(one.id), 80))}</a>'
        if link
        else escaped(cut(one_line(one.id), 80))
    )
    references = "".join(said(reference, most) for reference in one.references[:8]) or "<small>none</small>"
    more = f"<small>{len(one.references) - 8} more references</small>" if len(one.references) > 8 else ""
    return (
        f'<article class="ft ft-ex" data-example="{escaped(one_line(one.id))}"><header><p class="ft-id">{name}'
        f" {result}{slices}</p>{said(one.question, most)}</header>"
        f"<section><h4>Reference{'s' if len(one.references) > 1 else ''}</h4>{references}{more}</section>"
        f'<section class="ft-answers">{answers}</section>{_passages(one, most)}{_prompts(one, labels, most)}</article>'
    )


def _base(one: Shown, against: str | None) -> str | None:
    if against == "reference":
        return one.references[0] if one.references else None
    return next((answer.output for answer in one.answers if answer.cell == against), None)


def _answer(answer: Answer, labels: Mapping[str, str], base: str | None, most: int) -> str:
    state = (
        tag("failed", "red")
        if answer.finish == "error"
        else tag("cut at the length cap", "amber")
        if answer.finish == "length"
        else ""
    )
    error = f"<p><small>{escaped(cut(one_line(answer.error), 400))}</small></p>" if answer.error else ""
    body = said(answer.output, most) if base is None or not answer.output else difference(base, answer.output, most)
    scores = " · ".join(
        f"{escaped(name)} <b>{'n/a' if value is None else f'{value:.3g}'}</b>" for name, value in answer.scores.items()
    )
    return (
        f'<div class="ft-answer"><h4>{escaped(labels.get(answer.cell, answer.cell))} {state}</h4>{body}{error}<p'
        f' class="ft-scores">{scores}</p></div>'
    )


def difference(old: str, new: str, most: int = MOST) -> str:
    """Returns the new text with what it adds marked, and what the old one had in its place struck out."""
    marks = {"same": ("", ""), "gone": ("<del>", "</del>"), "new": ("<ins>", "</ins>")}
    pieces = "".join(
        f"{marks[kind][0]}{escaped(words)}{marks[kind][1]}" for kind, words in differing(cut(old, most), cut(new, most))
    )
    return f'<div class="ft-text" dir="auto">{pieces}</div>'


def _passages(one: Shown, most: int) -> str:
    if not one.passages:
        return ""
    found = "".join(
        f'<div class="ft-passage{" ft-gold" if gold else ""}"><small>{escaped(cut(one_line(identity), 120))}</small>'
        f" {tag('holds the answer', 'green') if gold else ''}"
        f"{said(text, most) if text is not None else '<small>the text is not in this report</small>'}</div>"
        for identity, text, gold in one.passages
    )
    hit = sum(gold for _, _, gold in one.passages)
    return (
        f"<section><details><summary>{len(one.passages)} retrieved passage{'s' * (len(one.passages) != 1)}, {hit} with"
        f" the answer</summary>{found}</details></section>"
    )


def _prompts(one: Shown, labels: Mapping[str, str], most: int) -> str:
    prompts: dict[str, list[Answer]] = {}
    for answer in one.answers:
        prompts.setdefault(answer.prompt, []).append(answer)
    shown = "".join(
        f"<h4>{escaped(', '.join(labels.get(answer.cell, answer.cell) for answer in answers))}"
        f' <small>{_tokens(answers[0])}</small></h4><pre class="ft-code">{escaped(cut(prompt, most))}</pre>'
        for prompt, answers in prompts.items()
        if prompt
    )
    return f"<section><details><summary>prompts as sent</summary>{shown}</details></section>" if shown else ""


def _tokens(answer: Answer) -> str:
    return "" if answer.prompt_tokens is None else f"{answer.prompt_tokens:,} tokens"
