"""chrF and chrF++ by sacreBLEU, 0 to 100: F score of shared character n-grams (and word n-grams)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ftbench.core.errors import Problem
from ftbench.metrics.sacrebleu import SacrebleuMetric

EPS = 1e-16


@dataclass(frozen=True)
class Chrf(SacrebleuMetric):
    """chrF over the whole test set.

    Attributes:
        char_order: longest character n-gram; 6 is usual.
        word_order: longest word n-gram; 0 is chrF, 2 is chrF++.
        beta: how many times recall weighs more than precision; 2 is usual.
        lowercase: compare without case.
        whitespace: let n-grams hold white space.
        eps_smoothing: smooth as chrF++.py, NLTK and Moses do; else take the effective order, as sacreBLEU does.
    """

    key_name: ClassVar[str] = "chrf"

    char_order: int
    word_order: int
    beta: int
    lowercase: bool
    whitespace: bool
    eps_smoothing: bool

    def check(self) -> list[Problem]:
        problems = []
        for field, least in (("char_order", 1), ("word_order", 0), ("beta", 1)):
            if getattr(self, field) < least:
                why = f"{getattr(self, field)} is out of range"
                problems.append(Problem(f"{self.name}.{field}", why, f"Take at least {least}"))
        return problems

    @property
    def width(self) -> int:
        return 3 * (self.char_order + self.word_order)

    def scorer(self) -> Any:
        from sacrebleu.metrics import CHRF

        return CHRF(self.char_order, self.word_order, self.beta, self.lowercase, self.whitespace, self.eps_smoothing)

    def value(self, totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Returns chrF [...] of summed counts [..., 3 * orders]: answer, reference and shared n-grams by order; NaN
        over no example.
        """
        totals = np.asarray(totals, dtype=np.float64)
        answer, reference, shared = totals[..., 0::3], totals[..., 1::3], totals[..., 2::3]
        factor = self.beta**2
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = np.where(answer > 0, shared / answer, EPS)
            recall = np.where(reference > 0, shared / reference, EPS)
            if self.eps_smoothing:
                below = factor * precision + recall
                score = np.where(below > 0, (1 + factor) * precision * recall / below, EPS).mean(axis=-1)
            else:
                used = (answer > 0) & (reference > 0)
                orders = np.maximum(used.sum(axis=-1), 1)
                precision, recall = (np.where(used, part, 0.0).sum(axis=-1) / orders for part in (precision, recall))
                score = np.where(
                    precision + recall > 0, (1 + factor) * precision * recall / (factor * precision + recall), 0.0
                )
        return np.where(np.asarray(n) > 0, 100 * score, np.nan)
