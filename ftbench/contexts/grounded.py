"""Prompts that show documents: their form, what is left out where they do not fit, and what is told of each.

The user's question becomes one turn that holds the passages and the question. Where the prompt does not fit the window, the
last passage goes first, one at a time, then the worked examples; the question never does (``Request.shorter``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ftbench.contexts.chunk import Chunk, Chunking, word_count
from ftbench.core.errors import Problem
from ftbench.core.example import Document, Request, Splits, Turn

LONGEST_CHARACTERS = 10_000_000
"""Longest document: a longer one is a whole corpus in one row."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]")
_CONTROL_SHARE = 0.02
_TOLD = 5


@dataclass(frozen=True)
class Form:
    """The words around the passages.

    Attributes:
        turn: the user's turn; ``{passages}`` and ``{question}`` stand in it once each.
        passage: one passage; ``{text}``, and where wanted ``{id}`` of its document and ``{number}`` from 1.
        separator: between passages.
    """

    turn: str
    passage: str
    separator: str

    def check(self) -> list[Problem]:
        """Returns what is wrong, with places relative to this node."""
        problems = []
        for slot in ("{passages}", "{question}"):
            if self.turn.count(slot) != 1:
                problems.append(Problem("turn", f"has {slot} {self.turn.count(slot)} times", f"Write {slot} once"))
        if "{text}" not in self.passage:
            problems.append(Problem("passage", f"{self.passage!r} has no {{text}}", "Write {text} where the passage's text goes"))
        return problems

    def fill(self, passages: Sequence[Chunk], question: str) -> str:
        """Returns the user's turn. Braces in documents and questions are left alone."""
        shown = self.separator.join(
            _filled(self.passage, {"text": chunk.text, "id": chunk.document, "number": str(number)}) for number, chunk in enumerate(passages, start=1)
        )
        return _filled(self.turn, {"passages": shown, "question": question})


def _filled(form: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda slot: values.get(slot[1], slot[0]), form)


def grounded(base: Request, passages: Sequence[Chunk], form: Form, notes: dict[str, Any]) -> Request:
    """Returns ``base`` with passages before its question.

    Args:
        base: the request without documents: the question alone, or after worked examples.
        passages: best first; without any the request is ``base`` as it stands.
        notes: what is told of the request, whatever is left out later.
    """
    if not passages:
        rest = base.shorter
        shorter = None if rest is None else lambda: grounded(rest(), (), form, notes)
        return replace(base, documents=(), notes={**notes, "shown": 0}, shorter=shorter)
    *before, asked = base.turns
    return Request(
        id=base.id,
        turns=(*before, Turn(asked.role, form.fill(passages, asked.content))),
        shots=base.shots,
        documents=tuple(dict.fromkeys(chunk.document for chunk in passages)),
        notes={**notes, "shown": len(passages)},
        shorter=lambda: grounded(base, passages[:-1], form, notes),
    )


def told(chunk: Chunk, score: float | None) -> dict[str, Any]:
    """Returns what is stored of a passage: where it stands, how well it scored, how long it is."""
    return {"document": chunk.document, "chunk": chunk.number, "score": score, "words": word_count(chunk.text)}


def check_documents(splits: Splits, context: str) -> list[Problem]:
    """Returns why a corpus cannot be retrieved from, each bad document by name."""
    if not splits.documents:
        fix = f"Set dataset.documents=FILE and dataset.document_text=COLUMN; without documents there is nothing for context={context} to show"
        return [Problem("dataset.documents", "holds no document", fix)]
    return bad_documents(splits.documents)


def bad_documents(documents: Iterable[Document]) -> list[Problem]:
    """Returns a problem for each of the first documents that is no text, or too long to be one, and one for all others."""
    problems: list[Problem] = []
    for document in documents:
        place = f"dataset.documents: {document.id!r}"
        if len(document.text) > LONGEST_CHARACTERS:
            why = f"is one document of {len(document.text):,} characters, more than {LONGEST_CHARACTERS:,}"
            problems.append(Problem(place, why, "Write one document a row; chunks are cut from documents, not from a whole corpus"))
        elif not document.text.strip():
            problems.append(Problem(place, "is empty", "Take it out, or give it a text"))
        elif (strange := len(_CONTROL.findall(document.text))) > _CONTROL_SHARE * len(document.text):
            why = f"is no text: {strange} of {len(document.text)} characters are control characters or unreadable"
            problems.append(Problem(place, why, "Turn it into text first (a PDF or Word file is none), or take it out"))
    if len(problems) > _TOLD:
        rest = Problem("dataset.documents", f"{len(problems) - _TOLD} more are like these", "Mend them in the same way")
        return [*problems[:_TOLD], rest]
    return problems


def cut(documents: Iterable[Document], chunking: Chunking) -> list[Chunk]:
    """Returns all chunks of all documents, in order."""
    return [chunk for document in documents for chunk in chunking.chunks(document)]
