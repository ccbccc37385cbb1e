"""Another retriever's hits, put in order by a cross-encoder that reads question and passage together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from ftbench.contexts.retrieve import encoder
from ftbench.contexts.retrieve.nested import nested, nested_problems, resolved
from ftbench.core.component import Remote
from ftbench.core.components.retriever import Hit, Retriever
from ftbench.core.errors import FtbenchError, Problem, under


@dataclass(frozen=True)
class Reranked(Retriever):
    """Looks up with ``first`` and reorders what it found.

    Attributes:
        first: node of a retriever.
        model: folder or hub id of a sequence classifier with one output.
        revision: of a hub id; null for ``main``.
        pool: hits that are read; those below keep their order behind them.
        batch_size: pairs read at once.
    """

    key_name: ClassVar[str] = "reranked"

    first: Any
    model: str
    revision: str | None
    pool: int
    batch_size: int

    def identity(self) -> dict[str, Any]:
        own = super().identity()
        del own["revision"]
        return {
            **own,
            "first": nested(self.first, "first").identity(),
            "model": encoder.identity(self.model, self.revision),
        }

    def index_identity(self) -> dict[str, Any]:
        """Returns that of the first retriever: they share one index."""
        return nested(self.first, "first").index_identity()

    def resolve(self) -> Reranked:
        model, revision = encoder.pinned(self.model, self.revision)
        return replace(self, first=resolved(self.first, "first"), model=model, revision=revision)

    def check(self) -> list[Problem]:
        problems = [
            Problem(name, f"{vars(self)[name]} is below 1", "Use 20 to 100")
            for name in ("pool", "batch_size")
            if vars(self)[name] < 1
        ]
        return (
            problems
            + nested_problems(self.first, "first")
            + (encoder.problems(self.model, self.revision) or encoder.unscoring(self.model))
        )

    def missing(self) -> list[Problem]:
        return [
            *under("first", nested(self.first, "first").missing()),
            *encoder.missing(self.model, self.revision, ("sentence_transformers",)),
        ]

    def remotes(self) -> list[Remote]:
        return [*nested(self.first, "first").remotes(), *encoder.remotes(self.model, self.revision)]

    def ready(self) -> None:
        nested(self.first, "first").ready()
        self._reader()

    def index(self, texts: Sequence[str], folder: Path) -> dict[str, int]:
        return nested(self.first, "first").index(texts, folder)

    def search(self, folder: Path, texts: Sequence[str], queries: Sequence[str], k: int) -> list[list[Hit]]:
        """Scores are the classifier's for hits that it read; lower hits follow below the least of those."""
        found = nested(self.first, "first").search(folder, texts, queries, max(k, self.pool))
        pairs = [
            (query, texts[hit.place]) for query, hits in zip(queries, found, strict=True) for hit in hits[: self.pool]
        ]
        scores = iter(
            self._reader().predict(pairs, batch_size=self.batch_size, show_progress_bar=False) if pairs else []
        )
        return [self._ordered(hits, scores)[:k] for hits in found]

    def _reader(self) -> Any:
        made = encoder.reader("CrossEncoder", self.model, self.revision)
        if made.config.num_labels != 1:
            raise FtbenchError(
                f"context.retriever.model={self.model} has {made.config.num_labels} outputs. Name a cross-encoder with"
                " one, which scores a pair"
            )
        return made

    def _ordered(self, hits: Sequence[Hit], scores: Any) -> list[Hit]:
        read = [Hit(hit.place, round(float(next(scores)), 5)) for hit in hits[: self.pool]]
        least = min((hit.score for hit in read), default=0.0)
        rest = [Hit(hit.place, least - number) for number, hit in enumerate(hits[self.pool :], start=1)]
        return sorted(read, key=lambda hit: -hit.score) + rest
