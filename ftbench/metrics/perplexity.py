"""Corpus perplexity of the reference answers: one number over all tokens, never a mean of per-row perplexities.

Perplexities of models with different tokenizers are not comparable: bits per byte is (mistakes 19 and 20).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ftbench.core.components.metric import Metric
from ftbench.metrics.likelihood import column, ratio


@dataclass(frozen=True)
class Perplexity(Metric):
    """exp of the nats per token over the target texts."""

    key_name: ClassVar[str] = "perplexity"

    reads: ClassVar[str] = "likelihood"
    higher_is_better: ClassVar[bool] = False
    comparable_across_tokenizers: ClassVar[bool] = False

    def statistics(self, rows: Sequence[dict[str, Any]]) -> np.ndarray:
        """Returns float64 [n, 2]: nats and tokens of each target text."""
        return np.stack([column(rows, "nll"), column(rows, "tokens")], axis=-1).reshape(len(rows), 2)

    def value(self, totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Returns perplexity [...] of summed nats and tokens [..., 2]; NaN without tokens."""
        with np.errstate(over="ignore"):
            return np.exp(ratio(totals[..., 0], totals[..., 1]))

    def signature(self) -> str:
        return "perplexity|corpus, weighted by tokens|target text without the end-of-turn token|per model's own token"
