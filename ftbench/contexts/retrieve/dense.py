"""Dense retrieval: texts as vectors of a sentence-transformers model, nearest by cosine, searched exactly by faiss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ftbench.contexts.retrieve import encoder
from ftbench.core.component import Remote
from ftbench.core.components.retriever import Hit, Retriever
from ftbench.core.errors import Problem

FILE = "vectors.faiss"


@dataclass(frozen=True)
class Dense(Retriever):
    """Finds meanings rather than words.

    Attributes:
        model: folder of a sentence-transformers model, ``package://package/folder``, or hub id.
        revision: commit, tag or branch of a hub id; null for ``main``.
        query_prefix: what the model wants before a question (``query: `` for E5); empty for none.
        passage_prefix: what it wants before a passage.
        batch_size: texts embedded at once.
    """

    key_name: ClassVar[str] = "dense"

    model: str
    revision: str | None
    query_prefix: str
    passage_prefix: str
    batch_size: int

    SEARCHING: ClassVar[tuple[str, ...]] = ("query_prefix",)

    def identity(self) -> dict[str, Any]:
        own = super().identity()
        del own["revision"]
        return {**own, "model": encoder.identity(self.model, self.revision)}

    def resolve(self) -> Dense:
        model, revision = encoder.pinned(self.model, self.revision)
        return replace(self, model=model, revision=revision)

    def check(self) -> list[Problem]:
        problems = (
            []
            if self.batch_size >= 1
            else [Problem("batch_size", f"{self.batch_size} texts at once are none", "Use 32")]
        )
        return problems + encoder.problems(self.model, self.revision)

    def missing(self) -> list[Problem]:
        return encoder.missing(self.model, self.revision, ("sentence_transformers", "faiss"))

    def remotes(self) -> list[Remote]:
        return encoder.remotes(self.model, self.revision)

    def ready(self) -> None:
        import faiss  # noqa: F401

        self._reader()

    def index(self, texts: Sequence[str], folder: Path) -> dict[str, int]:
        """Embeds every text; one that is longer than the model reads is embedded by its beginning, and counted."""
        import faiss

        reader = self._reader()
        lengths = [
            len(reader.tokenizer(self.passage_prefix + text, truncation=False, verbose=False)["input_ids"])
            for text in texts
        ]
        vectors = self._vectors(reader, [self.passage_prefix + text for text in texts])
        flat = faiss.IndexFlatIP(vectors.shape[1])
        flat.add(vectors)
        faiss.write_index(flat, str(folder / FILE))
        read = [min(length, reader.max_seq_length or length) for length in lengths]
        return {"embedded": sum(read), "not_embedded": sum(lengths) - sum(read)}

    def search(self, folder: Path, texts: Sequence[str], queries: Sequence[str], k: int) -> list[list[Hit]]:
        import faiss

        flat = faiss.read_index(str(folder / FILE))
        vectors = self._vectors(self._reader(), [self.query_prefix + query for query in queries])
        scores, places = flat.search(vectors, min(k, flat.ntotal))
        rows = [
            [Hit(int(place), round(float(score), 5)) for score, place in zip(*row, strict=True)]
            for row in zip(scores, places, strict=True)
        ]
        return [sorted(row, key=lambda hit: (-hit.score, hit.place)) for row in rows]

    def _reader(self) -> Any:
        return encoder.reader("SentenceTransformer", self.model, self.revision)

    def _vectors(self, reader: Any, texts: Sequence[str]) -> np.ndarray:
        """Returns vectors of length 1 [texts, width], float32."""
        made = reader.encode(
            list(texts),
            batch_size=self.batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return np.ascontiguousarray(made, dtype=np.float32)
