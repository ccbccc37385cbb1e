"""Google BLEU (GLEU) of Wu et al. 2016, 0 to 1: shared n-grams over the larger of what was written and what was wanted.

Made for single sentences, where BLEU is erratic; over a corpus the counts of each example's best reference are added
up, as NLTK's ``corpus_gleu`` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from ftbench.core.components.metric import Metric
from ftbench.core.errors import Problem
from ftbench.metrics.likelihood import ratio


@dataclass(frozen=True)
class GoogleBleu(Metric):
    """Google BLEU over the whole test set, on sacreBLEU's 13a tokens.

    Attributes:
        min_len, max_len: shortest and longest n-gram counted.
    """

    key_name: ClassVar[str] = "google_bleu"

    min_len: int
    max_len: int

    highest: ClassVar[float] = 1.0

    def check(self) -> list[Problem]:
        if 1 <= self.min_len <= self.max_len:
            return []
        why = f"{self.min_len} to {self.max_len} is no range of n-grams"
        return [Problem(f"{self.name}.min_len", why, "Take 1 to 4")]

    def statistics(self, rows: Sequence[dict[str, Any]]) -> np.ndarray:
        """Returns float64 [n, 2]: shared n-grams with the best reference, and the larger number of n-grams of
        the two.
        """
        return np.array([self._segment(row) for row in rows], dtype=np.float64).reshape(len(rows), 2)

    def value(self, totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Returns the ratio [...] of summed counts [..., 2]; NaN where neither side has an n-gram."""
        return ratio(totals[..., 0], totals[..., 1])

    def signature(self) -> str:
        return f"google_bleu|0-1|refs:best|aggregate:corpus|ngrams:{self.min_len}-{self.max_len}|tok:13a"

    def _segment(self, row: dict[str, Any]) -> tuple[int, int]:
        written = self._grams("" if row["finish"] == "error" else row["output"])
        found = []
        for reference in row["references"]:
            wanted = self._grams(reference)
            larger = max(written.total(), wanted.total())
            if larger:
                found.append(((written & wanted).total(), larger))
        return max(found, key=lambda counts: counts[0] / counts[1], default=(0, written.total()))

    def _grams(self, text: str) -> Counter[tuple[str, ...]]:
        words = _tokens(text)
        return Counter(
            words[i : i + size] for size in range(self.min_len, self.max_len + 1) for i in range(len(words) - size + 1)
        )


@lru_cache(maxsize=32_768)
def _tokens(text: str) -> tuple[str, ...]:
    return tuple(_tokenizer()(text).split())


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    return Tokenizer13a()
