"""Token accuracy: how many tokens of the reference answers the model would have chosen itself, given the true ones
before each.

Teacher-forced: it says how well the answers are known by heart, not how well the model answers. It counts each model's
own tokens, and so does not compare across tokenizers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ftbench.core.components.metric import Metric
from ftbench.metrics.likelihood import column, ratio


@dataclass(frozen=True)
class TokenAccuracy(Metric):
    """Share of target tokens that are the model's arg-max, 0 to 1."""

    key_name: ClassVar[str] = "token_accuracy"

    reads: ClassVar[str] = "likelihood"
    comparable_across_tokenizers: ClassVar[bool] = False
    highest: ClassVar[float] = 1.0

    def statistics(self, rows: Sequence[dict[str, Any]]) -> np.ndarray:
        """Returns float64 [n, 2]: right tokens and tokens of each target text."""
        return np.stack([column(rows, "correct"), column(rows, "tokens")], axis=-1).reshape(len(rows), 2)

    def value(self, totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Returns the share [...] of summed counts [..., 2]; NaN without tokens."""
        return ratio(totals[..., 0], totals[..., 1])

    def signature(self) -> str:
        return (
            "token_accuracy|0-1|corpus, weighted by tokens|teacher-forced arg-max|target text without the end-of-turn"
            " token"
        )
