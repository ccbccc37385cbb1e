"""Likeness: the same words are the same whatever they wear, order costs nothing, template text counts for nothing,
differences count.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.data.inspection.candidates import Join, Sketches
from ftbench.data.inspection.likeness import Vocabulary, common_runs, facts, jaccard, likeness, own_words, words
from ftbench.data.inspection.passages import LENGTH, Passages

WORDS = st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9), min_size=1, max_size=20)


def compared(one: list[str], other: list[str]) -> float:
    vocabulary = Vocabulary()
    left, right = vocabulary.features(one), vocabulary.features(other)
    return likeness(left, right, left, right)[0]


@pytest.mark.parametrize(
    "text",
    [
        "the cafes first price 12",
        "  The CAFE's\tFirst   price: 12!",
        "the caf\u00e9\u2019s \ufb01rst price \u201c12\u201d",
        "THE CAFE\u0301S \u200bfirst\u00a0price \uff11\uff12",
        "\ufeffthe cafe\u00ads first price (12)",
    ],
)
def test_37_case_spacing_punctuation_and_unicode_forms_make_no_difference(text: str) -> None:
    assert words(text) == ["the", "cafes", "first", "price", "12"]


@pytest.mark.parametrize(
    ("one", "other"),
    [("What is 2+2?", "What is 2*2?"), ("C++", "C#"), ("order 12", "order 13"), ("5 $", "5 €"), ("3.5", "35")],
)
def test_signs_and_numbers_are_told_apart(one: str, other: str) -> None:
    assert facts(words(one)) != facts(words(other))


@given(WORDS, st.randoms())
def test_the_order_of_words_costs_nothing(found: list[str], shuffler: random.Random) -> None:
    turned = list(found)
    shuffler.shuffle(turned)
    assert compared(found, turned) == 1.0


@given(WORDS, WORDS)
def test_likeness_is_symmetrical_and_without_a_template_it_is_the_jaccard_index(
    one: list[str], other: list[str]
) -> None:
    vocabulary = Vocabulary()
    left, right = vocabulary.features(one), vocabulary.features(other)
    wanted = len(set(left) & set(right)) / len(set(left) | set(right))
    assert compared(one, other) == compared(other, one) == pytest.approx(wanted) == pytest.approx(jaccard(left, right))


def test_template_words_make_nothing_alike_and_still_tell_apart() -> None:
    texts = [
        words(f"Please read the question below with care and answer in one sentence: what is the {what} of the {name}?")
        for name in ("zorbex", "quillon", "marvane", "tespick", "oldrum", "frinto")
        for what in ("price", "colour")
    ]
    common = common_runs(texts)
    vocabulary = Vocabulary()
    own = [[word for word, flag in zip(text, own_words(text, common), strict=True) if flag] for text in texts]
    assert own[0] == ["zorbex"] and own[3] == ["quillon"]
    both = [(vocabulary.features(text, own_words(text, common)), vocabulary.features(text)) for text in texts]
    degrees = {
        pair: likeness(both[pair[0]][0], both[pair[1]][0], both[pair[0]][1], both[pair[1]][1])[0]
        for pair in ((0, 0), (0, 1), (0, 2))
    }
    assert degrees[0, 0] == 1.0 and degrees[0, 1] < 0.5 and degrees[0, 2] == 0.0


def test_text_without_spaces_has_an_order_too() -> None:
    assert compared(words("我的卡还没有到"), words("我的卡还没有到")) == 1.0
    assert compared(words("我的卡还没有到"), words("到有没还卡的我")) < 0.2


SETS = st.lists(st.sets(st.integers(0, 60), min_size=4, max_size=30), min_size=2, max_size=30)


@given(SETS)
def test_the_exact_join_proposes_every_pair_that_is_near_enough(sets: list[set[int]]) -> None:
    arrays = [np.array(sorted(one), dtype=np.uint32) for one in sets]
    index = Join(arrays, 0.65)
    for place, features in enumerate(arrays):
        near = index.near(features)
        wanted = {other for other in range(place) if jaccard(features, arrays[other]) >= 0.65}
        assert wanted <= set(near)
        index.add(place, features)


def test_sketches_propose_what_the_join_does_where_it_matters() -> None:
    draw = random.Random(0)
    index, pairs = Sketches(), []
    for place in range(300):
        features = draw.sample(range(1_000_000), 60)
        index.add(place, np.array(sorted(features), dtype=np.uint32))
        kept = features[: draw.randrange(50, 61)]  # Jaccard index 0.83 to 1
        pairs.append(np.array(sorted(kept), dtype=np.uint32))
    found = [index.near(features) for features in pairs]
    assert all(place in near for place, near in enumerate(found))
    assert sum(map(len, found)) < 320


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from("a b c d e f g h i j k l m n o p".split()), min_size=30, max_size=60),
    st.integers(0, 30),
    st.integers(5, 29),
)
def test_a_passage_is_found_where_it_stands(text: list[str], start: int, size: int) -> None:
    sought = text[start : start + size]
    if len(sought) < 5:
        return
    hits = Passages([("q", sought)]).search([("row", text), ("other", ["z"] * 40)])
    assert hits == {("row", "q"): 1.0}


def test_decontamination_counts_the_share_of_13_grams_and_leaves_templates_out() -> None:
    question = [f"w{number}" for number in range(25)]
    half = question[: LENGTH + 6]
    assert Passages([("q", question)]).search([("row", ["x", *half, "y"])]) == {("row", "q"): 7 / 13}
    assert Passages([("q", question)]).search([("row", question[: LENGTH - 1])]) == {}
    head = [f"t{number}" for number in range(15)]
    many = [(f"q{number}", [*head, *(f"w{number}x{place}" for place in range(14))]) for number in range(6)]
    assert Passages(many).search([("row", [*head, "and", "more"])]) == {}
