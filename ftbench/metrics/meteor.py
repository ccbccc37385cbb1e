"""METEOR by NLTK, 0 to 1: matched words (as written, by stem, by synonym), with a penalty for broken order.

The same pair of sentences has been printed as 0.7398, 0.6944 and 0.69, by version, tokenisation and whether WordNet was
there, and an identical pair scores 0.9999: the signature names all of these. WordNet's data is no package; without it the
synonym step is left out (``synonyms: none``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ftbench.core.errors import Problem, did_you_mean
from ftbench.metrics.mean import MeanMetric

SYNONYMS = ("none", "wordnet")
TOKENS = {"words": re.compile(r"\w+(?:['\u2019-]\w+)*|[^\w\s]"), "whitespace": re.compile(r"\S+")}
ALPHA, BETA, GAMMA = 0.9, 3.0, 0.5


class NoSynonyms:
    """Stands where NLTK asks a WordNet reader for the senses of a word: there are none."""

    def synsets(self, word: str) -> list[Any]:
        return []


@dataclass(frozen=True)
class Meteor(MeanMetric):
    """Mean METEOR, best over the references.

    Attributes:
        synonyms: ``wordnet`` needs NLTK's WordNet data on this machine and on every worker.
        tokenize: ``words`` sets punctuation apart, ``whitespace`` splits as NLTK's own examples do.
    """

    synonyms: str
    tokenize: str

    def check(self) -> list[Problem]:
        problems = []
        for field, options in (("synonyms", SYNONYMS), ("tokenize", tuple(TOKENS))):
            value = getattr(self, field)
            if value not in options:
                problems.append(Problem(f"{self.name}.{field}", f"{value!r} is not offered", did_you_mean(value, options)))
        if self.synonyms == "wordnet" and not _has_wordnet():
            fix = "Install it (python -m nltk.downloader wordnet), or set synonyms: none"
            problems.append(Problem(f"{self.name}.synonyms", "NLTK's WordNet data is not on this machine", fix))
        return problems

    def score(self, prediction: str, references: Sequence[str]) -> float:
        return max((_cached(self.synonyms, self.tokenize, reference, prediction) for reference in references), default=0.0)

    def signature(self) -> str:
        from importlib.metadata import version

        parts = f"alpha:{ALPHA}|beta:{BETA:g}|gamma:{GAMMA}|tok:{self.tokenize}|case:lower|stem:porter|synonyms:{self.synonyms}"
        return f"meteor|0-1|refs:best|aggregate:mean|{parts}|nltk:{version('nltk')}"


def meteor(prediction: Sequence[str], reference: Sequence[str], synonyms: Any) -> float:
    """Returns METEOR of two lists of words; ``synonyms`` answers ``synsets(word)`` as NLTK's WordNet reader does."""
    from nltk.translate.meteor_score import single_meteor_score

    if not prediction or not reference:
        return 0.0
    return float(single_meteor_score(reference, prediction, wordnet=synonyms, alpha=ALPHA, beta=BETA, gamma=GAMMA))


def _has_wordnet() -> bool:
    import nltk

    try:
        nltk.data.find("corpora/wordnet")
    except LookupError:
        try:
            nltk.data.find("corpora/wordnet.zip")
        except LookupError:
            return False
    return True


@lru_cache(maxsize=32_768)
def _cached(synonyms: str, tokenize: str, reference: str, prediction: str) -> float:
    if synonyms == "wordnet":
        from nltk.corpus import wordnet as reader
    else:
        reader = NoSynonyms()
    split = TOKENS[tokenize].findall
    return meteor(split(prediction), split(reference), reader)
