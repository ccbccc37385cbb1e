"""Token F1 as SQuAD's evaluation has it: how many normalized words of an answer and of a reference are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ftbench.core.errors import Problem, did_you_mean
from ftbench.metrics.mean import MeanMetric
from ftbench.metrics.normalize import NORMALIZATIONS


@dataclass(frozen=True)
class TokenF1(MeanMetric):
    """Mean over examples of the best F1 over the references, 0 to 1.

    Attributes:
        normalization: of both texts before they are split at white space; see ``ftbench.metrics.normalize``.
    """

    key_name: ClassVar[str] = "token_f1"
    KEY_NAMES: ClassVar[Mapping[str, str]] = {"normalization": "normalisation"}

    normalization: str

    def check(self) -> list[Problem]:
        if self.normalization in NORMALIZATIONS:
            return []
        fix = did_you_mean(self.normalization, NORMALIZATIONS)
        return [Problem(f"{self.name}.normalization", f"{self.normalization!r} is not offered", fix)]

    def score(self, prediction: str, references: Sequence[str]) -> float:
        return max((self._f1(prediction, reference) for reference in references), default=0.0)

    def signature(self) -> str:
        return f"token_f1|0-1|refs:best|aggregate:mean|normalise:{self.normalization}"

    def _f1(self, prediction: str, reference: str) -> float:
        normalize = NORMALIZATIONS[self.normalization]
        found, wanted = normalize(prediction).split(), normalize(reference).split()
        if not found or not wanted:  # an answer of nothing is right only where nothing is wanted
            return float(found == wanted)
        shared = (Counter(found) & Counter(wanted)).total()
        return 2 * shared / (len(found) + len(wanted))
