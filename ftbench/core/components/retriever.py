"""The base class of ``context/retriever``: an index that is built once, as a stage, and a search over it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from ftbench.core.component import Component


class Hit(NamedTuple):
    """A chunk that was found: its place in the corpus and its score, higher is better."""

    place: int
    score: float


@dataclass(frozen=True)
class Retriever(Component, ABC):
    """Base of all retrievers. ``check`` names its fields relative to its own node.

    Attributes:
        SEARCHING: names of the fields that are read by a search only, so that changing one builds no index again.
    """

    axis: ClassVar[str] = "context/retriever"
    SEARCHING: ClassVar[tuple[str, ...]] = ()

    def index_identity(self) -> dict[str, Any]:
        """Returns the part of the identity that decides the index."""
        return {name: value for name, value in self.identity().items() if name not in self.SEARCHING}

    def ready(self) -> None:
        """*Heavy.* Imports and loads what a search needs whatever it is asked, so that a search's time is its own."""

    @abstractmethod
    def index(self, texts: Sequence[str], folder: Path) -> dict[str, int]:
        """*Heavy.* Builds the index of ``texts`` in ``folder``, the same bytes for the same texts.

        Returns:
            Token counts for the receipt, by name.
        """

    @abstractmethod
    def search(self, folder: Path, texts: Sequence[str], queries: Sequence[str], k: int) -> list[list[Hit]]:
        """*Heavy.* Returns up to ``k`` hits per query, best first, ties in the order of the corpus."""
