"""What a retriever offers to ``context=rag``: an index that is built once, as a stage, and a search over it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ftbench.core.component import Component, build, node
from ftbench.core.errors import Problem, Refused, under


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

    def missing(self) -> list[Problem]:
        """Returns why this retriever, though it can be planned with, cannot be run here: a package, an unknown
        commit.
        """
        return []

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


def nested(config: Any, where: str) -> Retriever:
    """Builds the retriever of a node.

    Raises:
        Refused: when the node is none, or no retriever's.
    """
    made = build(config if isinstance(config, Mapping) else {}, where)
    if not isinstance(made, Retriever):
        raise Refused(
            [Problem(where, f"{type(made).__name__} is no retriever", "Choose one of conf/context/retriever")]
        )
    return made


def nested_problems(config: Any, where: str) -> list[Problem]:
    """Returns what is wrong with a nested retriever's node, with full places."""
    try:
        made = nested(config, where)
    except Refused as refused:
        return refused.problems
    return under(where, made.check())


def located(config: Any, where: str) -> dict[str, Any]:
    """Returns the node of a nested retriever with its places made absolute."""
    return node(nested(config, where).locate())


def best(scores: np.ndarray, k: int, least: float) -> list[Hit]:
    """Returns the ``k`` highest of scores [chunks] above ``least``, ties in the order of the corpus."""
    if k < len(scores):
        bar = np.partition(scores, len(scores) - k)[len(scores) - k]
        places = np.flatnonzero((scores >= bar) & (scores > least))
    else:
        places = np.flatnonzero(scores > least)
    order = places[np.lexsort((places, -scores[places]))][:k]
    return [Hit(int(place), round(float(scores[place]), 5)) for place in order]
