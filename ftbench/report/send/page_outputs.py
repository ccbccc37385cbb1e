"""The answers of the sent page: chosen examples, and the tools that look through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ftbench.report.draw.pieces import note, tag
from ftbench.report.send.clean import cleaned_examples
from ftbench.report.view.labels import short
from ftbench.report.view.outputs import Answer, Shown, examples, index
from ftbench.report.view.table import Table
from ftbench.text.html import escaped
from ftbench.text.terminal import cut, one_line


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


def chosen_examples(whole: Table, count: int) -> _Chosen:
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


def outputs_section(whole: Table, chosen: _Chosen, most: int) -> str:
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
