"""Bits per byte of the reference answers: the likelihood metric that can be compared across tokenizers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ftbench.core.components.metric import Metric
from ftbench.metrics.likelihood import column, ratio


@dataclass(frozen=True)
class BitsPerByte(Metric):
    """Bits that the model needs per UTF-8 byte of the target texts."""

    key_name: ClassVar[str] = "bits_per_byte"

    reads: ClassVar[str] = "likelihood"
    higher_is_better: ClassVar[bool] = False

    def statistics(self, rows: Sequence[dict[str, Any]]) -> np.ndarray:
        """Returns float64 [n, 2]: nats and UTF-8 bytes of each target text."""
        return np.stack([column(rows, "nll"), column(rows, "bytes")], axis=-1).reshape(len(rows), 2)

    def value(self, totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Returns bits per byte [...] of summed nats and bytes [..., 2]; NaN without bytes."""
        return ratio(totals[..., 0], totals[..., 1]) / math.log(2)

    def signature(self) -> str:
        return "bits_per_byte|corpus, weighted by UTF-8 bytes|target text without the end-of-turn token"
