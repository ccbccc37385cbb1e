"""A rater's sheet before it becomes a file: nothing but random ids, questions, texts, and room for verdicts."""

from __future__ import annotations

from dataclasses import dataclass

from ftbench.review.rubric import PAIRWISE, Rubric
from ftbench.text.terminal import spelled_out

EMPTY = "(empty answer)"


def shown(text: str) -> str:
    """Returns a text as raters see it: the same treatment for every system, and every character visible."""
    return spelled_out(text) or EMPTY


@dataclass(frozen=True)
class Entry:
    """One row: texts are ``shown`` already.

    Attributes:
        item: random id.
        question: what was asked.
        reference: the expected answer, or None where raters shall not see it.
        answers: from left to right; one in rating review.
    """

    item: str
    question: str
    reference: str | None
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """All rows of one rater."""

    batch: str
    rater: str
    rubric: Rubric
    entries: tuple[Entry, ...]

    def columns(self) -> list[str]:
        """Returns the column names: what is given, then what is asked."""
        return [*self.given(), *(dimension.name for dimension in self.rubric.dimensions)]

    def given(self) -> list[str]:
        reference = ["reference"] if any(entry.reference is not None for entry in self.entries) else []
        return [
            "item",
            "rater",
            "question",
            *reference,
            *(("left", "right") if self.rubric.mode == PAIRWISE else ("answer",)),
        ]

    def texts(self, entry: Entry) -> list[str]:
        """Returns the texts of a row, in the order of ``given`` after item and rater."""
        reference = [entry.reference or ""] if "reference" in self.given() else []
        return [entry.question, *reference, *entry.answers]


def how_to(sheet: Sheet) -> list[tuple[str, str]]:
    """Returns what a rater must know as (dimension, sentence)."""
    found = []
    for place, dimension in enumerate(sheet.rubric.dimensions):
        allowed = f" Values: {', '.join(dimension.allowed())}." if dimension.allowed() else ""
        found.append((dimension.name, f"{dimension.help}{allowed}{'' if place else ' This one decides.'}"))
    return found
