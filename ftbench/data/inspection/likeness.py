"""How alike two texts are, whatever their case, spacing, punctuation, Unicode form or word order, and whatever template
they share.

A text becomes a set of *features*: the character 4-grams of each of its words, the word's borders included. They do not
know the order of words (a reordered question has the same set), a typo costs a few of them and not the word, and long
words weigh more than short ones, as content weighs more than "the" does, in any language.

Template text must not make two rows alike: words inside a run of ``RUN`` words that many texts of the collection share
are *common*, all others are a text's *own*. The likeness of two texts is

    own features of both / (own features of both + all features of exactly one)

so that shared template words count for nothing, while any difference counts, in the template too ("the price of"
against "the colour of"). A word that the template has too counts apart: else a long template would hide differences. It
is at most the Jaccard index of the own features' union, 1 for the same words in any order, and texts without own words
are like nothing. Rows that have nothing to do with a pair can only make fewer runs common, and so never take a found
pair away.

A *slot* is a place between the same three words on either side where many texts of the collection have different words:
the name in a letter, the column in a query. Texts that differ in what fills a slot are two uses of one form, however
alike.
"""

from __future__ import annotations

import unicodedata
import zlib
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property

import numpy as np

GRAM = 4
RUN = 4
COMMON_LEAST, COMMON_SHARE = 5, 0.02
"""A run of words is template text when at least this many different texts, and this share of them, have it. Five rows
that share a sentence have a form, not one origin; in large data two in a hundred do.
"""
AROUND, FILLING = 3, 3
"""Words on either side that make a place, and the most words that may fill it."""
_BEGIN, _END = "^", "$"
_OPERATORS = frozenset("+*/%#<>=&@^|~€$£¥°")
"""Signs that change what is asked: 2+2 is not 2*2, C++ is not C#."""


class _Letters(dict):
    """Character -> what stands for it: itself, a space, or itself as a word of its own; filled in as characters are
    met.
    """

    def __missing__(self, code: int) -> str | int | None:
        character = chr(code)
        kind = unicodedata.category(character)
        if character in _OPERATORS or _alone(code):
            found: str | int | None = f" {character} "
        elif kind == "Cf" or 0x300 <= code <= 0x36F or character in "'’‘`´ʼ":
            found = None  # zero-width and soft characters, accents, apostrophes within words
        else:
            found = " " if kind[0] in "PSZC" else code
        self[code] = found
        return found


def _alone(code: int) -> bool:
    """True for scripts written without spaces, of which each character is taken for a word."""
    return (
        0x3040 <= code <= 0x30FF
        or 0x3400 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x3FFFF
        or 0x0E00 <= code <= 0x0EFF
    )


_LETTERS = _Letters()


def words(text: str) -> list[str]:
    """Returns the words of ``text`` without case, accents, punctuation, invisible characters and compatibility forms.

    ``"The  CAFÉ\\u200b's ﬁrst…"`` and ``"the cafes first"`` have the same words. Signs of arithmetic and currency stay,
    each a word of its own.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
    return text.casefold().translate(_LETTERS).split()


def facts(found: Iterable[str]) -> tuple[str, ...]:
    """Returns the words that hold a digit or are a sign, sorted: where they differ, another thing is asked in the same
    words.
    """
    return tuple(sorted(word for word in found if word in _OPERATORS or any(letter.isdigit() for letter in word)))


class Vocabulary:
    """Numbers the features of words by their CRC-32, the same in every order and process; remembers each word's."""

    def __init__(self) -> None:
        self._words: dict[tuple[str, int], np.ndarray] = {}

    def features(self, found: Sequence[str], kept: Sequence[bool] | None = None) -> np.ndarray:
        """Returns the sorted feature numbers [features] of some words; with ``kept`` only of those flagged."""
        own = {self._paired(found, at) for at in range(len(found)) if kept is None or kept[at]}
        return self._numbers([(word, 1) for word in own])

    def all_features(self, found: Sequence[str], kept: Sequence[bool]) -> np.ndarray:
        """Returns the feature numbers of all words; those that are both own and template text have twice as many."""
        own, common = (
            {self._paired(found, at) for at in range(len(found)) if bool(kept[at]) is side} for side in (True, False)
        )
        return self._numbers([*((word, 1) for word in own | common), *((word, 2) for word in own & common)])

    def _numbers(self, counted: Sequence[tuple[str, int]]) -> np.ndarray:
        return (
            np.unique(np.concatenate([self._word(*one) for one in counted]))
            if counted
            else np.empty(0, dtype=np.uint32)
        )

    def _paired(self, found: Sequence[str], at: int) -> str:
        """Returns a word, with the next one where both are single characters of a script without spaces: else order
        within a sentence would mean nothing.
        """
        word = found[at]
        if (
            len(word) == 1
            and _alone(ord(word))
            and at + 1 < len(found)
            and len(found[at + 1]) == 1
            and _alone(ord(found[at + 1]))
        ):
            return word + found[at + 1]
        return word

    def _word(self, word: str, time: int) -> np.ndarray:
        known = self._words.get((word, time))
        if known is None:
            bound, again = f" {word} ", "" if time == 1 else f"\n{time}"
            grams = (bound[start : start + GRAM] + again for start in range(max(1, len(bound) - GRAM + 1)))
            known = np.array([zlib.crc32(gram.encode("utf-8", "surrogatepass")) for gram in grams], dtype=np.uint32)
            self._words[word, time] = known
        return known


def common_runs(texts: Iterable[Sequence[str]], share: float = COMMON_SHARE) -> frozenset[int]:
    """Returns the hashes of the runs of words that are template text in a collection of different texts; digits are all
    alike in them.
    """
    counts: Counter[int] = Counter()
    size = 0
    for found in texts:
        counts.update(set(_runs(found)))
        size += 1
    least = max(COMMON_LEAST, share * size)
    return frozenset(run for run, count in counts.items() if count >= least)


def own_words(found: Sequence[str], common: frozenset[int]) -> list[bool]:
    """Returns one flag per word: True where it stands in no common run."""
    flags = [True] * len(found)
    for start, run in enumerate(_runs(found)):
        if run in common:  # position 0 is the begin mark
            for at in range(max(start - 1, 0), min(start - 1 + RUN, len(found))):
                flags[at] = False
    return flags


def _runs(found: Sequence[str]) -> list[int]:
    marked = [_BEGIN, *("0" if word[0].isdigit() else word for word in found), _END]
    return [hash(tuple(marked[start : start + RUN])) for start in range(max(1, len(marked) - RUN + 1))]


class Forms:
    """The forms that texts of a collection are filled into: their slots, and the runs of words that ``COMMON_LEAST`` of
    them share.

    Args:
        texts: the words of each of the different texts; looked through when first asked, since most data has no pair to
            ask about.
    """

    def __init__(self, texts: Collection[Sequence[str]]) -> None:
        self._texts = texts

    @cached_property
    def _open(self) -> frozenset[int]:
        places, fillings = array("q"), array("q")
        for found in self._texts:
            for place, start, end in _places(found):
                places.append(place)
                fillings.append(hash(tuple(found[start:end])))
        seen = np.unique(np.column_stack([np.array(places), np.array(fillings)]), axis=0)
        known, counts = np.unique(seen[:, 0], return_counts=True)
        return frozenset(known[counts >= COMMON_LEAST].tolist())

    @cached_property
    def _runs(self) -> frozenset[int]:
        return common_runs(self._texts, 0.0)

    def filling(self, found: Sequence[str]) -> set[str]:
        """Returns the words of a text of the collection that stand in a slot."""
        places = {at for place, start, end in _places(found) if place in self._open for at in range(start, end)}
        return {found[at] for at in places}

    def beside(self, found: Sequence[str]) -> set[str]:
        """Returns the words of a text that stand in no run that such texts share."""
        return {word for word, kept in zip(found, own_words(found, self._runs), strict=True) if kept}


def _places(found: Sequence[str]) -> Iterable[tuple[int, int, int]]:
    """Returns (hash of the words around, start, end) of every possible filling of a text."""
    marked = [*[_BEGIN] * AROUND, *("0" if word[0].isdigit() else word for word in found), *[_END] * AROUND]
    before = [tuple(marked[at : at + AROUND]) for at in range(len(marked) - AROUND + 1)]
    for start in range(len(found)):
        for end in range(start + 1, min(start + FILLING, len(found)) + 1):
            yield hash((before[start], before[end + AROUND])), start, end


def likeness(
    own_one: np.ndarray, own_other: np.ndarray, all_one: np.ndarray, all_other: np.ndarray
) -> tuple[float, int]:
    """Returns the likeness of two texts (see above), and how many own features they share.

    Args:
        own_one, own_other: sorted own features [features] of each.
        all_one, all_other: sorted features [features] of each.
    """
    shared = _shared(own_one, own_other)
    return (
        shared / (shared + len(all_one) + len(all_other) - 2 * _shared(all_one, all_other)) if shared else 0.0
    ), shared


def jaccard(one: np.ndarray, other: np.ndarray) -> float:
    """Returns the Jaccard index of two sorted sets of features, 0 for two empty ones."""
    shared = _shared(one, other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0


def lacking(one: np.ndarray, other: np.ndarray) -> bool:
    """Says whether ``one`` has features that ``other`` lacks; both are sorted, without repeats."""
    return _shared(one, other) < len(one)


def _shared(one: np.ndarray, other: np.ndarray) -> int:
    """Counts what two sorted arrays without repeats have in common; a third of the time of ``np.intersect1d``."""
    if not len(one) or not len(other):
        return 0
    return int(np.count_nonzero(one.take(one.searchsorted(other), mode="clip") == other))
