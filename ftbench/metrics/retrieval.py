"""Retrieval scored by itself: did the retriever find the gold documents, whatever the model then said.

A row counts when its example names gold documents and its context looked documents up at least ``k`` deep; a document
that several passages come from counts where its first one stands. Other rows (zero-shot, no gold documents) are left
out, and a cell without any row has no value. A row whose answer failed keeps its retrieval.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ftbench.core.components.metric import Metric
from ftbench.core.errors import Problem


@dataclass(frozen=True)
class _Retrieval(Metric, ABC):
    """Mean over the rows that count of a score of the ranking of documents.

    Attributes:
        k: passages looked at, from the best.
    """

    k: int

    whole_rows: ClassVar[bool] = True

    def check(self) -> list[Problem]:
        return [] if self.k >= 1 else [Problem(f"{self.name}.k", f"{self.k} passages are none", "Use 1 or more")]

    @abstractmethod
    def score(self, ranks: Sequence[int], gold: int) -> float:
        """Returns the score of one row.

        Args:
            ranks: places, from 1, of gold documents in the ranking of documents.
            gold: how many gold documents there are.
        """

    def statistics(self, rows: Sequence[dict[str, Any]]) -> np.ndarray:
        """Returns float64 [n, 2]: the score of a row that counts and 1, else zeros."""
        return np.array([self._row(row) for row in rows], dtype=np.float64).reshape(len(rows), 2)

    def value(self, totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        totals = np.asarray(totals, dtype=np.float64)
        counted = totals[..., 1]
        return totals[..., 0] / np.where(counted > 0, counted, np.nan)

    def why_not(self, rows: Sequence[dict[str, Any]]) -> str:
        """Returns why none of the rows counts."""
        if not any(row.get("gold_documents") for row in rows):
            return "no row names its gold documents (dataset.gold_documents)"
        if not any("retrieved" in (row.get("notes") or {}) for row in rows):
            return "this context looks up no documents"
        return f"fewer than {self.k} passages are looked up (context.depth)"

    def _row(self, row: dict[str, Any]) -> tuple[float, float]:
        notes, gold = row.get("notes") or {}, set(row.get("gold_documents") or ())
        if not gold or "retrieved" not in notes or (notes["depth"] is not None and notes["depth"] < self.k):
            return 0.0, 0.0
        ranking = list(dict.fromkeys(passage["document"] for passage in notes["retrieved"][: self.k]))
        ranks = [rank for rank, document in enumerate(ranking, start=1) if document in gold]
        return self.score(ranks, len(gold)), 1.0


@dataclass(frozen=True)
class Recall(_Retrieval):
    """Share of the gold documents among the first ``k`` passages, 0 to 1."""

    key_name: ClassVar[str] = "recall"

    def score(self, ranks: Sequence[int], gold: int) -> float:
        return len(ranks) / gold

    def signature(self) -> str:
        return f"recall@{self.k}|0-1|gold documents"


@dataclass(frozen=True)
class ReciprocalRank(_Retrieval):
    """One over the rank of the first gold document among the first ``k`` passages, 0 without any."""

    key_name: ClassVar[str] = "reciprocal_rank"

    def score(self, ranks: Sequence[int], gold: int) -> float:
        return 1.0 / ranks[0] if ranks else 0.0

    def signature(self) -> str:
        return f"mrr@{self.k}|0-1|gold documents"


@dataclass(frozen=True)
class Ndcg(_Retrieval):
    """Normalized discounted cumulative gain, every gold document worth 1 (Järvelin and Kekäläinen 2002, base-2
    logarithm).
    """

    key_name: ClassVar[str] = "ndcg"

    def score(self, ranks: Sequence[int], gold: int) -> float:
        ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(gold, self.k) + 1))
        return sum(1 / math.log2(rank + 1) for rank in ranks) / ideal

    def signature(self) -> str:
        return f"ndcg@{self.k}|0-1|gold documents"
