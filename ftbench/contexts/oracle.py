"""The gold documents before the question: how well a model reads, whatever a retriever would have found.

What ``context=rag`` lacks against this was not found; what this lacks against full marks was found and not read.
It is an upper bound, which cannot be deployed: its cells stand below the table and are never ranked or recommended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from ftbench.contexts.chunk import Chunking
from ftbench.contexts.grounded import Form, check_documents, cut, grounded, told, with_chunking_for
from ftbench.core.component import Remote
from ftbench.core.components.context import Context
from ftbench.core.errors import FtbenchError, Problem, under
from ftbench.core.example import Document, Example, Request, Splits
from ftbench.core.lowering import AddStage, Lowered


@dataclass(frozen=True)
class Oracle(Context):
    """Shows every gold document of an example, whole, in the order in which the dataset names them.

    An example without gold documents is asked alone.

    Attributes:
        chunking: the pieces in which a document that does not fit the window is cut off at its end.
        form: the words around the passages.
    """

    key_name: ClassVar[str] = "oracle"

    chunking: Chunking
    form: Form

    reads_documents: ClassVar[bool] = True
    deployable: ClassVar[bool] = False  # nobody knows beforehand which documents hold the answer

    @property
    def uses_seed(self) -> bool:
        return False

    def identity(self) -> dict[str, Any]:
        return {**super().identity(), "chunking": self.chunking.identity()}

    def resolve(self) -> Oracle:
        return replace(self, chunking=self.chunking.resolve())

    def for_model(self, model: Any) -> Oracle:
        return with_chunking_for(self, model)

    def missing(self) -> list[Problem]:
        """Returns why this context, though it can be planned with, cannot be run here."""
        return under("context.chunking", self.chunking.missing())

    def remotes(self) -> list[Remote]:
        return self.chunking.remotes()

    def check(self) -> list[Problem]:
        problems = [*under("context.chunking", self.chunking.check()), *under("context.form", self.form.check())]
        if self.chunking.overlap:
            why = "would show parts of a gold document twice"
            problems.append(Problem("context.chunking.overlap", why, "Set it to 0"))
        return problems

    def check_data(self, splits: Splits) -> list[Problem]:
        problems = check_documents(splits, "oracle")
        asked = [*splits.test, *splits.validation]
        if asked and not any(example.gold_documents for example in asked):
            fix = "Set dataset.gold_documents=COLUMN of document ids, or context=rag"
            why = "no evaluation row names the documents that hold its answer"
            problems.append(Problem("dataset.gold_documents", why, fix))
        return problems

    def lower(self, add: AddStage, cell: Lowered) -> dict[str, str]:
        return {"documents": cell.documents}

    def requests(
        self,
        examples: Sequence[Example],
        pool: Sequence[Example],
        documents: Sequence[Document],
        folders: dict[str, Path],
        seed: int,
    ) -> list[Request]:
        """Raises:
        FtbenchError: when a gold document is not in the corpus.
        """
        by_id = {document.id: document for document in documents}
        made = []
        for example in examples:
            lost = [name for name in example.gold_documents if name not in by_id]
            if lost:
                raise FtbenchError(
                    f"context=oracle: gold document {lost[0]!r} of row {example.id!r} is not among the documents. Mend"
                    " the id"
                )
            passages = cut([by_id[name] for name in dict.fromkeys(example.gold_documents)], self.chunking)
            notes = {"retrieved": [told(passage, None) for passage in passages], "depth": None, "k": len(passages)}
            made.append(grounded(Request(example.id, example.turns), passages, self.form, notes))
        return made

    def sketch(self, examples: Sequence[Example], splits: Splits, seed: int) -> list[Request]:
        """Returns requests as long as the real ones, made without any stage's folder: what a forecast counts the tokens
        of.
        """
        return replace(self, chunking=self.chunking.sketch()).requests(
            examples, splits.train, splits.documents, {}, seed
        )
