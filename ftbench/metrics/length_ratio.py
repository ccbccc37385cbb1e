"""Words answered per word of reference: 1 is as long as wanted. A figure to look at, not one to rank by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ftbench.core.components.metric import Metric
from ftbench.metrics.likelihood import ratio


@dataclass(frozen=True)
class LengthRatio(Metric):
    """Words of all answers over words of their closest references, split at white space."""

    key_name: ClassVar[str] = "length_ratio"

    def statistics(self, rows: Sequence[dict[str, Any]]) -> np.ndarray:
        """Returns float64 [n, 2]: words of the answer, and of the reference nearest to it in length."""
        return np.array([_lengths(row) for row in rows], dtype=np.float64).reshape(len(rows), 2)

    def value(self, totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Returns the ratio [...] of summed lengths [..., 2]; NaN without a reference word."""
        return ratio(totals[..., 0], totals[..., 1])

    def signature(self) -> str:
        return "length_ratio|corpus|words at white space|closest reference, the shorter of two"


def _lengths(row: dict[str, Any]) -> tuple[int, int]:
    words = 0 if row["finish"] == "error" else len(row["output"].split())
    wanted = [len(reference.split()) for reference in row["references"]] or [0]
    return words, min(wanted, key=lambda length: (abs(length - words), length))
