"""Retrieval: the passages that a retriever finds stand before the question.

The index is a stage of its own: built once for the same documents, chunking and retriever, however many cells search
it, and billed to each of them. Its folder holds ``chunks.jsonl`` and what the retriever wrote.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from ftbench.contexts.chunk import Chunk, Chunking
from ftbench.contexts.grounded import Form, check_documents, cut, grounded, told, with_chunking_for
from ftbench.contexts.retrieve.encoder import release
from ftbench.contexts.retrieve.retriever import Hit, located, nested, nested_problems
from ftbench.core.component import Remote, build, node
from ftbench.core.components.context import Context
from ftbench.core.errors import Problem, Refused, under
from ftbench.core.example import Document, Example, Request, Splits
from ftbench.core.files import read_jsonl, write_jsonl
from ftbench.core.protocols import AddStage, Lowered
from ftbench.data.corpus import unfit_documents

CHUNKS = "chunks.jsonl"
RETRIEVER = "context.retriever"
SKETCHED_DOCUMENTS, SKETCHED_CHARACTERS = 256, 20_000
"""Cut for a forecast: planning does not cut the whole corpus for each k."""


@dataclass(frozen=True)
class Rag(Context):
    """Shows the ``k`` best passages, best first.

    Attributes:
        retriever: node of a retriever, an option of ``conf/context/retriever``.
        chunking: how documents are cut into passages.
        k: passages shown.
        depth: passages looked up, at least ``k``: what fusion and reranking choose from, and how far down recall can be
            told.
        form: the words around the passages.
        examples: node of a context whose worked examples stand before, such as ``few_shot``'s; null for none.
    """

    key_name: ClassVar[str] = "rag"

    retriever: Any
    chunking: Chunking
    k: int
    depth: int
    form: Form
    examples: Any

    NESTED: ClassVar[tuple[str, ...]] = ("chunking", "form")
    reads_documents: ClassVar[bool] = True

    @property
    def seeded(self) -> bool:
        """True when the seed draws examples; retrieval draws nothing."""
        return self.examples is not None and self._examples().seeded

    def identity(self) -> dict[str, Any]:
        examples = None if self.examples is None else self._examples().identity()
        return {
            **super().identity(),
            "chunking": self.chunking.identity(),
            "retriever": nested(self.retriever, RETRIEVER).identity(),
            "examples": examples,
        }

    def locate(self) -> Rag:
        examples = None if self.examples is None else node(self._examples().locate())
        return replace(
            self, retriever=located(self.retriever, RETRIEVER), chunking=self.chunking.locate(), examples=examples
        )

    def for_model(self, model: Any) -> Rag:
        return with_chunking_for(self, model)

    def check(self) -> list[Problem]:
        problems = (
            []
            if self.k >= 1
            else [Problem("context.k", f"{self.k} passages are none", "Give at least 1, or context=zero_shot")]
        )
        if self.depth < self.k:
            problems.append(
                Problem(
                    "context.depth",
                    f"{self.depth} passages are looked up and {self.k} shown",
                    "Give context.depth at least context.k",
                )
            )
        for name in self.NESTED:
            problems += under(f"context.{name}", getattr(self, name).check())
        problems += nested_problems(self.retriever, RETRIEVER)
        if self.examples is not None:
            try:
                problems += self._examples().check()
            except Refused as refused:
                problems += refused.problems
        return problems

    def check_data(self, splits: Splits) -> list[Problem]:
        problems = check_documents(splits, "rag")
        if not problems and self.k > len(splits.documents):
            count = len(cut(splits.documents, self.chunking.sketch()))
            if self.k > count:
                problems.append(
                    Problem(
                        "context.k",
                        f"{self.k} passages are asked for and the corpus has {count}",
                        f"Give at most {count}",
                    )
                )
        return problems + ([] if self.examples is None else self._examples().check_data(splits))

    def remarks(self, splits: Splits) -> list[str]:
        return [] if self.examples is None else self._examples().remarks(splits)

    def missing(self) -> list[Problem]:
        """Returns why this context, though it can be planned with, cannot be run here."""
        return [
            *under(RETRIEVER, nested(self.retriever, RETRIEVER).missing()),
            *under("context.chunking", self.chunking.missing()),
        ]

    def remotes(self) -> list[Remote]:
        return [*nested(self.retriever, RETRIEVER).remotes(), *self.chunking.remotes()]

    def lower(self, add: AddStage, cell: Lowered) -> dict[str, str]:
        """Adds the index; what only a search reads (``k``, the form) is not in its key."""
        spec = {"chunking": self.chunking.identity(), "retriever": nested(self.retriever, RETRIEVER).index_identity()}
        return {"index": add("index", spec, {"documents": cell.documents}, {"context": node(self)})}

    def ready(self) -> None:
        """*Heavy.* Imports and loads what ``requests`` needs whatever is asked, and lets go of when they are made."""
        nested(self.retriever, RETRIEVER).ready()
        if self.examples is not None:
            getattr(self._examples(), "ready", lambda: None)()

    def index(self, documents: Sequence[Document], folder: Path) -> dict[str, int]:
        """*Heavy.* Builds the index in ``folder``.

        Returns:
            Token counts for the receipt, by name.

        Raises:
            Refused: when the documents cannot be retrieved from.
        """
        problems = unfit_documents(documents)
        chunks = [] if problems else cut(documents, self.chunking)
        if not chunks and not problems:
            problems = [
                Problem("dataset.documents", "holds no document", "Set dataset.documents=FILE, or context=zero_shot")
            ]
        if problems:
            raise Refused(problems)
        write_jsonl(folder / CHUNKS, (asdict(chunk) for chunk in chunks))
        try:
            return nested(self.retriever, RETRIEVER).index([chunk.text for chunk in chunks], folder)
        finally:
            release()

    def requests(
        self,
        examples: Sequence[Example],
        pool: Sequence[Example],
        documents: Sequence[Document],
        folders: dict[str, Path],
        seed: int,
    ) -> list[Request]:
        """Asks with the last turn of each example."""
        chunks, found = self._found(examples, folders["index"])
        bases = [Request(example.id, example.turns) for example in examples]
        if self.examples is not None:
            bases = self._examples().requests(examples, pool, documents, folders, seed)
        made = []
        for base, hits in zip(bases, found, strict=True):
            notes = {
                "retrieved": [told(chunks[hit.place], hit.score) for hit in hits],
                "depth": self.depth,
                "k": self.k,
            }
            made.append(grounded(base, [chunks[hit.place] for hit in hits[: self.k]], self.form, notes))
        return made

    def sketch(self, examples: Sequence[Example], splits: Splits, seed: int) -> list[Request]:
        """Returns requests as long as the real ones, made without any stage's folder: what a forecast counts the tokens
        of.
        """
        draw = random.Random(seed)
        some = draw.sample(splits.documents, min(SKETCHED_DOCUMENTS, len(splits.documents)))
        chunks = cut(
            [replace(document, text=document.text[:SKETCHED_CHARACTERS]) for document in some], self.chunking.sketch()
        )
        bases = [Request(example.id, example.turns) for example in examples]
        if self.examples is not None:
            bases = self._examples().sketch(examples, splits, seed)
        return [
            grounded(base, draw.sample(chunks, min(self.k, len(chunks))), self.form, {"retrieved": [], "k": self.k})
            for base in bases
        ]

    def training_requests(
        self,
        examples: Sequence[Example],
        documents: Sequence[Document],
        folders: dict[str, Path],
        gold_share: float,
        seed: int,
    ) -> list[Request]:
        """Returns training rows that carry ``k`` passages in an order drawn by the seed: distractors, and in a share of
        the rows the gold document's best.

        Distractors are what the retriever finds for the row's own question in documents that are not its gold ones.
        Only training rows are asked with; no row of an evaluation split is seen. A row without gold documents carries
        what was found.
        """
        chunks, found = self._found(examples, folders["index"])
        places = _places(chunks)
        made = []
        for example, hits in zip(examples, found, strict=True):
            draw = random.Random(f"{seed}/{example.id}")
            gold = set(example.gold_documents)
            own = [hit.place for hit in hits if chunks[hit.place].document in gold] or [
                places[name] for name in sorted(gold) if name in places
            ]
            others = [hit.place for hit in hits if chunks[hit.place].document not in gold]
            shown = own[:1] if draw.random() < gold_share else []
            passages = [chunks[place] for place in (*shown, *others)[: self.k]]
            draw.shuffle(passages)
            made.append(
                grounded(
                    Request(example.id, example.turns), passages, self.form, {"gold_shown": bool(shown), "k": self.k}
                )
            )
        return made

    def _found(self, examples: Sequence[Example], folder: Path) -> tuple[list[Chunk], list[list[Hit]]]:
        """Returns all chunks, and what is found for the last turn of each example."""
        chunks = [Chunk(**row) for row in read_jsonl(folder / CHUNKS)]
        try:
            found = nested(self.retriever, RETRIEVER).search(
                folder,
                [chunk.text for chunk in chunks],
                [example.turns[-1].content for example in examples],
                self.depth,
            )
        finally:
            release()
        return chunks, found

    def _examples(self) -> Any:
        return build(self.examples, "context.examples")


def _places(chunks: Sequence[Chunk]) -> dict[str, int]:
    """Returns document -> place of its first chunk."""
    return {chunk.document: place for place, chunk in reversed(list(enumerate(chunks)))}
