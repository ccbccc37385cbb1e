"""The question alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ftbench.core.components.context import Context
from ftbench.core.example import Document, Example, Request, Splits


@dataclass(frozen=True)
class ZeroShot(Context):
    """Sends an example's own turns and nothing else."""

    key_name: ClassVar[str] = "zero_shot"

    @property
    def uses_seed(self) -> bool:
        return False

    def requests(
        self,
        examples: Sequence[Example],
        pool: Sequence[Example],
        documents: Sequence[Document],
        folders: dict[str, Path],
        seed: int,
    ) -> list[Request]:
        return [Request(example.id, example.turns) for example in examples]

    def sketch(self, examples: Sequence[Example], splits: Splits, seed: int) -> list[Request]:
        """Returns requests as long as the real ones, made without any stage's folder: what a forecast counts the tokens
        of.
        """
        return self.requests(examples, splits.train, splits.documents, {}, seed)
