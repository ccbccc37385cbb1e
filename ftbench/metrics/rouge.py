"""ROUGE-1, -2, -L and -Lsum by Google's rouge_score: F1 (or precision, or recall) from 0 to 1, mean over examples.

Of several references the one with the best F1 counts, as in rouge_score's ``score_multi``.

ROUGE-Lsum works on sentences, and takes every line for one. Prose on a single line would silently score as ROUGE-L, so
with ``sentences: auto`` a text without line breaks is first broken after ``.``, ``!`` and ``?`` (mistake 17).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from ftbench.core.errors import Problem, did_you_mean
from ftbench.core.example import Splits
from ftbench.metrics.mean import MeanMetric

VARIANTS = ("rouge1", "rouge2", "rougeL", "rougeLsum")
SENTENCES = ("auto", "newline")
MEASURES = ("f1", "precision", "recall")
READ = re.compile(r"[a-z0-9]")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class Rouge(MeanMetric):
    """One ROUGE variant.

    Attributes:
        variant: rouge1, rouge2, rougeL or rougeLsum.
        stemmer: reduce words to Porter stems first.
        sentences: how rougeLsum finds sentences: ``newline`` takes lines as they are, ``auto`` breaks single-line text.
        measure: f1, precision or recall.
    """

    key_name: ClassVar[str] = "rouge"

    variant: str
    stemmer: bool
    sentences: str
    measure: str

    def check(self) -> list[Problem]:
        problems = []
        for field, options in (("variant", VARIANTS), ("sentences", SENTENCES), ("measure", MEASURES)):
            value = getattr(self, field)
            if value not in options:
                why = f"{value!r} is not offered"
                problems.append(Problem(f"{self.name}.{field}", why, did_you_mean(value, options)))
        return problems

    def remarks(self, splits: Splits) -> list[str]:
        """Says when references hold nothing that rouge_score reads: it drops every character but ASCII letters and
        digits.
        """
        blind = sum(not any(READ.search(text.lower()) for text in example.references) for example in splits.test)
        if not blind:
            return []
        return [
            f"{self.name} reads only a-z and 0-9: {blind} of {len(splits.test)} test rows have references that are"
            " empty to it. Use chrf beside it"
        ]

    def score(self, prediction: str, references: Sequence[str]) -> float:
        best = max(
            (self._scores(reference, prediction) for reference in references),
            key=lambda found: found[0],
            default=(0.0,) * len(MEASURES),
        )
        return best[MEASURES.index(self.measure)]

    def signature(self) -> str:
        from importlib.metadata import version

        sentences = f"|sentences:{self.sentences}" if self.variant == "rougeLsum" else ""
        stemmer = "yes" if self.stemmer else "no"
        return (
            f"{self.variant}|{self.measure}:0-1|refs:best|aggregate:mean|stemmer:{stemmer}{sentences}|rouge_score:"
            f"{version('rouge_score')}"
        )

    def _scores(self, reference: str, prediction: str) -> tuple[float, float, float]:
        if self.variant == "rougeLsum" and self.sentences == "auto":
            reference, prediction = lines(reference), lines(prediction)
        return _cached(self.variant, self.stemmer, reference, prediction)


def lines(text: str) -> str:
    """Returns ``text`` with one sentence a line; text that has line breaks already is taken as it is."""
    text = text.strip()
    return text if "\n" in text else SENTENCE_END.sub("\n", text)


@lru_cache(maxsize=8)
def _scorer(variant: str, stemmer: bool) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer([variant], use_stemmer=stemmer)


# The score stage asks twice (through evaluate, and for the interval), and cells repeat answers; LCS is slow in Python.
@lru_cache(maxsize=32_768)
def _cached(variant: str, stemmer: bool, reference: str, prediction: str) -> tuple[float, float, float]:
    """Returns F1, precision and recall, in the order of ``MEASURES``."""
    found = _scorer(variant, stemmer).score(reference, prediction)[variant]
    return float(found.fmeasure), float(found.precision), float(found.recall)
