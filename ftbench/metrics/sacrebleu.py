"""The frame of sacreBLEU's corpus metrics other than BLEU: its own counts per example, added up, scored as one
corpus.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from ftbench.core.components.metric import Metric


@dataclass(frozen=True)
class SacrebleuMetric(Metric, ABC):
    """A metric of sacreBLEU; derive from it and write ``scorer``, ``width`` and ``value``."""

    highest: ClassVar[float] = 100.0

    @property
    @abstractmethod
    def width(self) -> int:
        """How many counts an example has."""

    @abstractmethod
    def scorer(self) -> Any:
        """Returns sacreBLEU's own metric."""

    @abstractmethod
    def value(self, totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Returns the metric [...] of summed counts [..., width]."""

    def statistics(self, rows: Sequence[dict[str, Any]]) -> np.ndarray:
        """Returns float64 [n, width], sacreBLEU's counts of each row; a failed row counts as an empty answer."""
        return np.array([self._segment(row) for row in rows], dtype=np.float64).reshape(len(rows), self.width)

    def corpus(self, rows: Sequence[dict[str, Any]]) -> float:
        """Returns the score that sacreBLEU makes of its counts."""
        return (
            float(self.scorer()._aggregate_and_compute([list(self._segment(row)) for row in rows]).score)
            if rows
            else float("nan")
        )

    def signature(self) -> str:
        """Returns sacreBLEU's signature; ``nrefs`` is left to ``signature_of``, which sees the data."""
        return self._signature(None)

    def signature_of(self, rows: Sequence[dict[str, Any]]) -> str:
        found = {len(row["references"]) or 1 for row in rows}
        return self._signature(found.pop() if len(found) == 1 else -1)

    def _signature(self, references: int | None) -> str:
        scorer = self.scorer()
        scorer.num_refs = references
        return scorer.get_signature().format()

    def _segment(self, row: dict[str, Any]) -> tuple[float, ...]:
        return _counts(self, "" if row["finish"] == "error" else row["output"], tuple(row["references"]) or ("",))


@lru_cache(maxsize=16)
def _scorer(metric: SacrebleuMetric) -> Any:
    return metric.scorer()


# Cells repeat answers, and the score stage asks twice; TER's search for shifts is slow in Python.
@lru_cache(maxsize=32_768)
def _counts(metric: SacrebleuMetric, text: str, references: tuple[str, ...]) -> tuple[float, ...]:
    (counts,) = _scorer(metric)._extract_corpus_statistics([text], [[reference] for reference in references])
    return tuple(counts)
