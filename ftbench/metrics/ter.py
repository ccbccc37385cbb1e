"""Translation edit rate by sacreBLEU: edits (shifts among them) per 100 reference words. Less is better; babble goes
beyond 100.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ftbench.metrics.sacrebleu import SacrebleuMetric


@dataclass(frozen=True)
class Ter(SacrebleuMetric):
    """TER over the whole test set; a failed or empty answer needs every word of its reference.

    Attributes:
        normalized: split punctuation off and unescape, as Tercom's normalization does.
        no_punct: leave punctuation out.
        asian_support: treat Asian characters one by one where the two above are on.
        case_sensitive: compare with case.
    """

    key_name: ClassVar[str] = "ter"

    normalized: bool
    no_punct: bool
    asian_support: bool
    case_sensitive: bool

    higher_is_better: ClassVar[bool] = False

    @property
    def width(self) -> int:
        return 2

    def scorer(self) -> Any:
        from sacrebleu.metrics import TER

        return TER(self.normalized, self.no_punct, self.asian_support, self.case_sensitive)

    def value(self, totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Returns TER [...] of summed edits and (mean) reference lengths [..., 2]; NaN over no example."""
        totals = np.asarray(totals, dtype=np.float64)
        edits, length = totals[..., 0], totals[..., 1]
        # sacreBLEU: edits without any reference word count as all wrong
        rate = np.where(length > 0, edits / np.where(length > 0, length, 1.0), (edits > 0).astype(float))
        return np.where(np.asarray(n) > 0, 100 * rate, np.nan)
