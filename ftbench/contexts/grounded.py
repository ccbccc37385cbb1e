"""Prompts that show documents: their form, what is left out where they do not fit, and what is told of each.

The user's question becomes one turn that holds the passages and the question. Where the prompt does not fit the window,
the last passage goes first, one at a time, then the worked examples; the question never does (``Request.shorter``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ftbench.contexts.chunk import Chunk, Chunking, word_count
from ftbench.core.errors import Problem, Refused, under
from ftbench.core.example import Document, Request, Splits, Turn
from ftbench.data.corpus import unfit_documents


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
            why = f"{self.passage!r} has no {{text}}"
            problems.append(Problem("passage", why, "Write {text} where the passage's text goes"))
        return problems

    def fill(self, passages: Sequence[Chunk], question: str) -> str:
        """Returns the user's turn. Braces in documents and questions are left alone."""
        shown = self.separator.join(
            _filled(self.passage, {"text": chunk.text, "id": chunk.document, "number": str(number)})
            for number, chunk in enumerate(passages, start=1)
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
    """Returns why a corpus cannot be retrieved from: each bad document by name, and the first gold document that is not
    in it.
    """
    if not splits.documents:
        fix = (
            "Set dataset.documents=FILE and dataset.document_text=COLUMN; without documents there is nothing for"
            f" context={context} to show"
        )
        return [Problem("dataset.documents", "holds no document", fix)]
    unfit = unfit_documents(splits.documents)
    known = {document.id for document in splits.documents}
    asked = (*splits.train, *splits.validation, *splits.test)
    lost = next(((row.id, name) for row in asked for name in row.gold_documents if name not in known), None)
    if unfit or lost is None:
        return unfit
    why = f"{lost[1]!r} of {splits.places.get(lost[0], f'row {lost[0]!r}')} is not among the {len(known)} documents"
    return [
        Problem(
            "dataset.gold_documents",
            why,
            "Mend the id, add the document, or name the column of such ids in dataset.document_id",
        )
    ]


def cut(documents: Iterable[Document], chunking: Chunking) -> list[Chunk]:
    """Returns all chunks of all documents, in order."""
    return [chunk for document in documents for chunk in chunking.chunks(document)]


def with_chunking_for(context: Any, model: Any) -> Any:
    """Returns a context that cuts documents, cutting by the tokens of this model where it counts tokens.

    Raises:
        Refused: when the model has no tokenizer here.
    """
    try:
        chunking = context.chunking.for_model(model)
    except Refused as refused:
        raise Refused(under("context.chunking", refused.problems)) from None
    return context if chunking is context.chunking else replace(context, chunking=chunking)
