"""Several retrievers as one, by reciprocal rank fusion.

A chunk's score is the weighted sum over the retrievers of ``1 / (constant + rank)``, ranks from 1 (Cormack, Clarke and
Buettcher, SIGIR 2009): ranks can be added where scores of different kinds cannot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from ftbench.contexts.retrieve.nested import nested, nested_problems, resolved
from ftbench.core.component import Remote
from ftbench.core.components.retriever import Hit, Retriever
from ftbench.core.errors import Problem, Problems, under


@dataclass(frozen=True)
class Hybrid(Retriever):
    """Fuses the ranks of others.

    Attributes:
        retrievers: name -> node of a retriever.
        weights: name -> weight of its ranks.
        constant: how little the first ranks stand out; 60 in the paper.
        depth: hits of each that are fused, at least those asked for.
    """

    key_name: ClassVar[str] = "hybrid"

    retrievers: dict[str, Any]
    weights: dict[str, float]
    constant: float
    depth: int

    def identity(self) -> dict[str, Any]:
        return {**super().identity(), "retrievers": {name: one.identity() for name, one in self._each()}}

    def index_identity(self) -> dict[str, Any]:
        """Returns what decides the indices of the others; fusing is part of a search."""
        return {"fused": {name: one.index_identity() for name, one in self._each()}}

    def resolve(self) -> Hybrid:
        return replace(self, retrievers={name: resolved(config, name) for name, config in self.retrievers.items()})

    def check(self) -> list[Problem]:
        problems = Problems()
        if set(self.weights) != set(self.retrievers):
            why = f"are for {sorted(self.weights)} and the retrievers are {sorted(self.retrievers)}"
            problems.add("weights", why, "Give each one weight")
        if len(self.retrievers) < 2:
            problems.add("retrievers", f"{len(self.retrievers)} cannot be fused", "Name at least two")
        if any(weight <= 0 for weight in self.weights.values()):
            problems.add("weights", f"{dict(self.weights)} has one that is not above 0", "Take that retriever out")
        if self.constant < 0 or self.depth < 1:
            problems.add("constant" if self.constant < 0 else "depth", "is too small", "Use constant=60 and depth=100")
        for name, config in self.retrievers.items():
            problems += nested_problems(config, f"retrievers.{name}")
        return problems

    def missing(self) -> list[Problem]:
        return [problem for name, one in self._each() for problem in under(f"retrievers.{name}", one.missing())]

    def remotes(self) -> list[Remote]:
        return [remote for _, one in self._each() for remote in one.remotes()]

    def ready(self) -> None:
        for _, one in self._each():
            one.ready()

    def index(self, texts: Sequence[str], folder: Path) -> dict[str, int]:
        counts: dict[str, int] = {}
        for name, one in self._each():
            (folder / name).mkdir()
            for kind, count in one.index(texts, folder / name).items():
                counts[kind] = counts.get(kind, 0) + count
        return counts

    def search(self, folder: Path, texts: Sequence[str], queries: Sequence[str], k: int) -> list[list[Hit]]:
        pool = max(k, self.depth)
        rankings = {name: one.search(folder / name, texts, queries, pool) for name, one in self._each()}
        return [self._fused({name: found[row] for name, found in rankings.items()}, k) for row in range(len(queries))]

    def _fused(self, rankings: dict[str, list[Hit]], k: int) -> list[Hit]:
        scores: dict[int, float] = {}
        for name, hits in rankings.items():
            for rank, hit in enumerate(hits, start=1):
                scores[hit.place] = scores.get(hit.place, 0.0) + self.weights[name] / (self.constant + rank)
        ordered = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
        return [Hit(place, round(score, 6)) for place, score in ordered[:k]]

    def _each(self) -> Iterable[tuple[str, Retriever]]:
        return [(name, nested(config, f"retrievers.{name}")) for name, config in self.retrievers.items()]
