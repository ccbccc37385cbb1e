"""Which prompts are the same question in other words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from ftbench.data.inspection.candidates import candidates
from ftbench.data.inspection.likeness import COMMON_LEAST, COMMON_SHARE, jaccard, lacking, likeness
from ftbench.data.inspection.rows import Row

LEAST_SHARED = 8
"""Own features that two prompts must share to be alike at all: about two content words."""
MANY_ANSWERS = 5
"""A prompt with this many different answers names no row."""
NEARLY_SAME = 0.9
"""Likeness from which on two prompts are one whatever their answers say; below it their answers must agree. One word
makes the chair the vice-chair, and then the answers differ.
"""
ALIKE_ANSWERS = 0.6
"""Jaccard index of the features of answers that agree."""
AGREEING = 5 / 8
"""Part of the likeness asked for that is enough for two prompts that share an answer of their own. On XQuAD all 21 such
pairs of likeness 0.5 to 1 are the same question asked by two people, and so are the next few below.
"""
FEW_PLACES, LONGEST_NAME = 3, 4
"""Single words, and the longest stretch of words, that change places as names and roles do; more is a text in another
order.
"""
SLACK = 0.15
"""How much less alike own features may be than texts are: an edit in a template bares some of its words on one side."""


class Lookup:
    """Finds the prompts that are alike to one: by their own words, by all of them, and by the numbers that only they
    hold.

    Where every part of a form has few values, a prompt may have no word of its own. It is still the same one when it
    has exactly the same words in another order, or when it has the same rare numbers (an order, a date) and nearly the
    same words: then at most one of the two may have own words that the other lacks, for two would be two values of one
    slot.

    An answer that next to no other row has (a name, a number, a worked solution; no label and no canned reply) is
    evidence too: of prompts that share one ``AGREEING`` of the likeness is asked for. They are found by that answer, so
    that looking for them costs next to nothing.

    Args:
        rows: all that will be added or asked for.
        similarity: likeness from which on prompts are alike.
    """

    def __init__(self, rows: Sequence[Row], similarity: float) -> None:
        self.similarity = similarity
        self._rows: list[Row] = []
        self._index = candidates([row.own for row in rows if len(row.own) >= LEAST_SHARED], similarity - SLACK)
        self._bags: dict[str, list[int]] = defaultdict(list)
        self._numbered: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._answered: dict[str, list[int]] = defaultdict(list)
        holders: dict[str, set[str]] = defaultdict(set)
        answering: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            for word in row.facts:
                holders[word].add(row.key)
            answering[row.answer_key].add(row.key)
        most = max(2, min(COMMON_LEAST - 1, round(COMMON_SHARE * len(rows))))
        self._telling = {answer for answer, keys in answering.items() if answer and len(keys) <= most}
        self._rare = {
            word
            for word, keys in holders.items()
            if len(keys) < COMMON_LEAST and any(letter.isdigit() for letter in word)
        }

    def add(self, row: Row) -> None:
        place = len(self._rows)
        self._rows.append(row)
        self._bags[_bag(row)].append(place)
        if not self._rare.isdisjoint(row.facts):
            self._numbered[row.facts].append(place)
        if row.answer_key in self._telling:
            self._answered[row.answer_key].append(place)
        if len(row.own) >= LEAST_SHARED:
            self._index.add(place, row.own)

    def alike(self, row: Row) -> list[tuple[float, Row]]:
        """Returns (likeness, row) of those added so far that are alike to ``row``, in the order added."""
        found = {place: 1.0 for place in self._bags.get(_bag(row), ()) if row.prompt}
        for place in self._numbered.get(row.facts, ()):
            found[place] = max(found.get(place, 0.0), _numbered_likeness(row, self._rows[place]))
        for place in self._index.near(row.own) if len(row.own) >= LEAST_SHARED else ():
            found[place] = max(found.get(place, 0.0), _likeness(row, self._rows[place], self.similarity))
        alike = {place: degree for place, degree in found.items() if degree >= self.similarity}
        for place in self._answered.get(row.answer_key, ()):
            degree = alike.get(place) or _likeness(row, self._rows[place], AGREEING * self.similarity)
            if degree >= AGREEING * self.similarity:
                alike[place] = degree
        return [(degree, self._rows[place]) for place, degree in sorted(alike.items())]


def _likeness(one: Row, other: Row, least: float) -> float:
    """Returns the likeness of two prompts; 0 where it cannot reach ``least``, or they share too little to tell."""
    sizes = sorted((len(one.all), len(other.all)))
    if sizes[0] < least * sizes[1]:
        return 0.0
    degree, shared = likeness(one.own, other.own, one.all, other.all)
    return degree if shared >= LEAST_SHARED else 0.0


def _bag(row: Row) -> str:
    return " ".join(sorted(row.prompt))


def _numbered_likeness(one: Row, other: Row) -> float:
    if lacking(one.own, other.all) and lacking(other.own, one.all):
        return 0.0
    return jaccard(one.all, other.all)


def reworded(one: Row, other: Row, degree: float) -> bool:
    """Says whether two alike prompts ask the same thing: the same numbers and signs, no form filled otherwise, and
    answers that do not tell them apart.
    """
    if (
        one.facts != other.facts
        or _told_apart(one, other)
        or _exchanged(one.prompt, other.prompt)
        or _filled_otherwise(one, other)
    ):
        return False
    return (
        degree >= NEARLY_SAME
        or one.answer_key == other.answer_key
        or jaccard(one.answered, other.answered) >= ALIKE_ANSWERS
    )


def _told_apart(one: Row, other: Row) -> bool:
    """True where each answer repeats a word that only its own prompt has: rating[low] and "a low rating" against
    rating[high].
    """

    def repeated(mine: Row, others: Row) -> bool:
        return any(
            len(word) > 2 for word in (set(mine.prompt) - set(others.prompt)) & (set(mine.answer) - set(others.answer))
        )

    return repeated(one, other) and repeated(other, one)


def _filled_otherwise(one: Row, other: Row) -> bool:
    """True for one form with other words in its slots, two letters to two people: where all that differs fills slots,
    and nothing but the form is shared.
    """
    mine, others = Counter(one.prompt), Counter(other.prompt)
    here, there = (mine - others).keys(), (others - mine).keys()
    if not here or not there or not here <= one.filling or not there <= other.filling:
        return False
    return sum(map(len, one.beside & other.beside)) < LEAST_SHARED  # a word has a feature for each letter


def _exchanged(one: Sequence[str], other: Sequence[str]) -> bool:
    """True where the same words stand there and some have changed places around others that have not: from A to B, from
    B to A.
    """
    if len(one) != len(other) or Counter(one) != Counter(other):
        return False
    differing = [at for at, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1]]
    if not differing:
        return False
    one, other = one[differing[0] : differing[-1] + 1], other[differing[0] : differing[-1] + 1]
    if len(differing) <= FEW_PLACES and len(differing) < len(one):
        return True
    ends = range(1, min(LONGEST_NAME, len(one) // 2) + 1)
    return any(
        one[:first] == other[-first:] and other[:last] == one[-last:] and one[first:-last] == other[last:-first]
        for first in ends
        for last in ends
        if first + last < len(one)
    )


def nameless_prompts(rows: Iterable[Row]) -> frozenset[str]:
    """Returns the keys of prompts that go with so many answers that they name no row."""
    answers: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        answers[row.key].add(row.answer_key)
    return frozenset(key for key, different in answers.items() if len(different) >= MANY_ANSWERS)
