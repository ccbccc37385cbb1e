"""The frame of every metric that scores one answer at a time and reports the mean over examples."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ftbench.core import termination
from ftbench.core.components.metric import Metric


@dataclass(frozen=True)
class MeanMetric(Metric, ABC):
    """A metric whose value is the mean of per-example scores; derive from it and write ``score`` and ``signature``."""

    is_mean: ClassVar[bool] = True
    highest: ClassVar[float | None] = 1.0

    @abstractmethod
    def score(self, prediction: str, references: Sequence[str]) -> float:
        """Returns the score of one answer against all its references."""

    def failed_score(self, references: Sequence[str]) -> float:
        """Returns the score of a row that failed: zero, so that failing never pays (docs/mistakes.md, number 15)."""
        return 0.0

    def statistics(self, rows: Sequence[dict[str, Any]]) -> np.ndarray:
        """Returns float64 [n, 1], one score per row of ``outputs.jsonl``; a failed row stays in."""
        return np.array([[self._row_score(row)] for row in rows], dtype=np.float64).reshape(len(rows), 1)

    def value(self, totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Returns the mean [...] of summed scores [..., 1] over n [...] examples; NaN where there is no example."""
        n = np.asarray(n, dtype=np.float64)
        return np.asarray(totals, dtype=np.float64)[..., 0] / np.where(n > 0, n, np.nan)

    def corpus(self, rows: Sequence[dict[str, Any]]) -> float:
        """Returns the metric of all rows, straight from the scores."""
        return float(np.mean(self.statistics(rows)[:, 0])) if rows else float("nan")

    def _row_score(self, row: dict[str, Any]) -> float:
        if row["finish"] == "error":
            return self.failed_score(row["references"])
        score = self.score(row["output"], row["references"])
        # a metric that swallows a signal's exception is stopped after this row and not after the last
        termination.check()
        return score
