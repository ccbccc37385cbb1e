"""METEOR by NLTK, 0 to 1: matched words (as written, by stem, by synonym), with a penalty for broken order.

The same pair of sentences has been printed as 0.7398, 0.6944 and 0.69, by version, tokenisation and whether WordNet was
there, and an identical pair scores 0.9999: the signature names all of these. WordNet's data is no package; without it
the synonym step is left out (``synonyms: none``).

Since 3.6.3 NLTK asks WordNet for the *stems* of what is left ("always" is looked up as "alway", and not found); up to
3.6.2 it asked for the words as they are written, as METEOR is defined. ``wordnet`` does the first, ``wordnet_words``
the second.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from ftbench.core.errors import Problem, did_you_mean
from ftbench.metrics.mean import MeanMetric

SYNONYMS = ("none", "wordnet", "wordnet_words")
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
        synonyms: ``wordnet`` (looked up by stem) and ``wordnet_words`` (as written) need NLTK's WordNet data on this
            machine and on every worker.
        tokenize: ``words`` sets punctuation apart, ``whitespace`` splits as NLTK's own examples do.
    """

    key_name: ClassVar[str] = "meteor"

    synonyms: str
    tokenize: str

    def check(self) -> list[Problem]:
        problems = []
        for field, options in (("synonyms", SYNONYMS), ("tokenize", tuple(TOKENS))):
            value = getattr(self, field)
            if value not in options:
                why = f"{value!r} is not offered"
                problems.append(Problem(f"{self.name}.{field}", why, did_you_mean(value, options)))
        if self.synonyms in SYNONYMS[1:] and not _has_wordnet():
            fix = "Install it (python -m nltk.downloader wordnet), or set synonyms: none"
            problems.append(Problem(f"{self.name}.synonyms", "NLTK's WordNet data is not on this machine", fix))
        return problems

    def score(self, prediction: str, references: Sequence[str]) -> float:
        return max(
            (_cached(self.synonyms, self.tokenize, reference, prediction) for reference in references), default=0.0
        )

    def signature(self) -> str:
        from importlib.metadata import version

        parts = (
            f"alpha:{ALPHA}|beta:{BETA:g}|gamma:{GAMMA}|tok:{self.tokenize}|case:lower|stem:porter|synonyms:"
            f"{self.synonyms}"
        )
        return f"meteor|0-1|refs:best|aggregate:mean|{parts}|nltk:{version('nltk')}"


def meteor(prediction: Sequence[str], reference: Sequence[str], synonyms: Any) -> float:
    """Returns METEOR of two lists of words; ``synonyms`` answers ``synsets(word)`` as NLTK's WordNet reader does."""
    from nltk.translate.meteor_score import single_meteor_score

    if not prediction or not reference:
        return 0.0
    return float(single_meteor_score(reference, prediction, wordnet=synonyms, alpha=ALPHA, beta=BETA, gamma=GAMMA))


def meteor_by_words(prediction: Sequence[str], reference: Sequence[str], synonyms: Any) -> float:
    """Returns METEOR with synonyms of the words as they are written, not of their stems."""
    from nltk.translate.meteor_score import _count_chunks, _enum_stem_match, _enum_wordnetsyn_match, _match_enums

    answer, wanted = ([(place, word.lower()) for place, word in enumerate(words)] for words in (prediction, reference))
    written = dict(answer), dict(wanted)
    same, answer, wanted = _match_enums(answer, wanted)
    stems, answer, wanted = _enum_stem_match(answer, wanted)
    left = ([(place, words[place]) for place, _ in rest] for words, rest in zip(written, (answer, wanted), strict=True))
    senses, _, _ = _enum_wordnetsyn_match(*left, wordnet=synonyms)
    matches = sorted(same + stems + senses)
    if not matches:
        return 0.0
    precision, recall = len(matches) / len(prediction), len(matches) / len(reference)
    mean = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
    return mean * (1 - GAMMA * (_count_chunks(matches) / len(matches)) ** BETA)


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
    if synonyms == "none":
        reader: Any = NoSynonyms()
    else:
        from nltk.corpus import wordnet as reader
    split = TOKENS[tokenize].findall
    return (meteor_by_words if synonyms == "wordnet_words" else meteor)(split(prediction), split(reference), reader)
