"""BM25 over stemmed words, by ``bm25s``: no weights, no GPU, a fraction of a millisecond a question.

Writing without spaces between words is taken in single characters and pairs of neighbors, which finds Chinese and
Japanese about as well as a dictionary of their words does (Nie, Gao, Zhang and Zhou, IRAL 2000).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ftbench.contexts.retrieve.nested import best
from ftbench.contexts.script import MARKS, SYLLABLES, UNSPACED
from ftbench.core.components.retriever import Hit, Retriever
from ftbench.core.errors import Problem, Problems, did_you_mean

LANGUAGES = tuple(
    "arabic armenian basque catalan czech danish dutch dutch_porter english esperanto estonian finnish french german"
    " greek hindi hungarian indonesian irish italian lithuanian nepali norwegian persian polish porter portuguese"
    " romanian russian serbian sesotho spanish swedish tamil turkish yiddish".split()
)
_JOINED = UNSPACED + SYLLABLES
_ASCII_WORD = re.compile(r"\w+")
_WORD = re.compile(rf"(?P<run>[{_JOINED}][{_JOINED}{MARKS}]*)|(?:[^\W{_JOINED}]|[{MARKS}])+")


@dataclass(frozen=True)
class Bm25(Retriever):
    """Okapi BM25 in Lucene's form.

    Attributes:
        k1: how soon a repeated word counts no more; 1.2 to 2.
        b: how much a long chunk is marked down; 0 not at all, 1 in full.
        language: of the Snowball stemmer; null leaves words as they are.
    """

    key_name: ClassVar[str] = "bm25"

    k1: float
    b: float
    language: str | None

    def check(self) -> list[Problem]:
        problems = Problems()
        if self.k1 < 0:
            problems.add("k1", f"{self.k1} is below 0", "Use 1.2 to 2")
        if not 0 <= self.b <= 1:
            problems.add("b", f"{self.b} is not between 0 and 1", "Use 0.75")
        if self.language is not None and self.language not in LANGUAGES:
            why = f"there is no stemmer for {self.language!r}"
            problems.add("language", why, f"{did_you_mean(self.language, LANGUAGES)}; null for none")
        return problems

    def ready(self) -> None:
        import bm25s  # noqa: F401

        self._stemmer()

    def index(self, texts: Sequence[str], folder: Path) -> dict[str, int]:
        """Writes the index of ``bm25s``; chunks without a word are in it and are never found."""
        tokens = self._stemmed(texts)
        self._built(tokens).save(str(folder), show_progress=False)
        return {"indexed_words": sum(len(words) for words in tokens)}

    def search(self, folder: Path, texts: Sequence[str], queries: Sequence[str], k: int) -> list[list[Hit]]:
        """Finds chunks that share at least one word with the question."""
        import bm25s

        return self._found(bm25s.BM25.load(str(folder)), queries, k)

    def search_in_memory(self, texts: Sequence[str], queries: Sequence[str], k: int) -> list[list[Hit]]:
        """Finds among ``texts`` without an index on disk."""
        return self._found(self._built(self._stemmed(texts)), queries, k)

    def _built(self, tokens: Sequence[Sequence[str]]) -> Any:
        import bm25s

        # Numbered here, in the order of the text: bm25s numbers words in the order of a set, which differs from process
        # to process.
        vocabulary: dict[str, int] = {}
        ids = [[vocabulary.setdefault(word, len(vocabulary)) for word in words] for words in tokens]
        made = bm25s.BM25(k1=self.k1, b=self.b, method="lucene")
        made.index((ids, vocabulary or {"": 0}), show_progress=False)
        return made

    def _found(self, made: Any, queries: Sequence[str], k: int) -> list[list[Hit]]:
        found = []
        for words in self._stemmed(queries):
            known = [word for word in words if word and word in made.vocab_dict]
            scores = made.get_scores(known) if known else np.zeros(1)
            found.append(best(scores, k, least=0.0))
        return found

    def _stemmed(self, texts: Sequence[str]) -> list[list[str]]:
        stem = self._stemmer()
        return [stem(list(_words(text))) for text in texts]

    def _stemmer(self) -> Callable[[list[str]], list[str]]:
        if self.language is None:
            return list
        import Stemmer

        return Stemmer.Stemmer(self.language).stemWords


def _words(text: str) -> Iterator[str]:
    """Yields the words of a text, wide and composed forms as one; of writing without spaces each character and each two
    neighbors.
    """
    if text.isascii():  # the same words, sooner
        yield from _ASCII_WORD.findall(text.casefold())
        return
    for match in _WORD.finditer(unicodedata.normalize("NFKC", text).casefold()):
        word = match[0]
        if match["run"] is None:
            yield word
            continue
        yield from word
        yield from map("".join, zip(word, word[1:], strict=False))
