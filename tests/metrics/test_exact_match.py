"""Exact match judges the value in an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.metrics.exact_match import ExactMatch
from ftbench.metrics.normalize import plain

PATTERN = r"is (.+?)\.(?:\s|$)"
styled = ExactMatch("exact_match", pattern=PATTERN, normalization="plain", ignore=[])
whole = ExactMatch("exact_match", pattern=None, normalization="plain", ignore=[])
REFERENCE = "Certainly! The weight is 12.5 kg. Anything else?"


@pytest.mark.parametrize(
    ("prediction", "right"),
    [
        ("Certainly! The weight is 12.5 kg. Anything else?", True),
        ("The weight is 12.5 KG.", True),  # another style, the same value
        ("12.5 kg", True),  # the pattern does not match, the value stands in it
        ("It weighs (12.5 kg)", True),
        ("Certainly! The weight is 13.5 kg. Anything else?", False),  # style without the fact
        ("The weight is 13 kg. Some say 12.5 kg.", False),  # what the pattern finds is what was answered
        ("112.5 kg", False),  # no whole word
        ("125 kg", False),  # the decimal point is part of the value
        ("12.5", False),
        ("", False),
    ],
)
def test_value_level_match(prediction, right):
    assert styled.score(prediction, [REFERENCE]) == float(right)


def test_any_reference_will_do():
    assert styled.score("red", ["It is blue.", "It is red."]) == 1.0
    assert whole.score("b", ["a", "B."]) == 1.0


def test_a_reference_that_the_pattern_does_not_match_counts_whole():
    assert styled.score("the answer: forty two", ["Forty two"]) == 1.0


def test_a_value_that_normalises_to_nothing_is_in_no_answer():
    assert styled.score("anything at all", ["It is !!!."]) == 0.0
    assert whole.score("!!!", ["..."]) == 0.0
    assert whole.score("...", ["..."]) == 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  The  Cat! ", "the cat"),
        ("-5°", "-5°"),
        ("\u22125", "-5"),
        ("$12.50.", "$12.50"),
        ("50%", "50%"),
        ("— yes —", "yes"),
        ("ＡＢ", "ab"),
        ("co-op", "co-op"),
    ],
)
def test_plain_normalisation(text, expected):
    assert plain(text) == expected


@given(st.text(max_size=40))
def test_plain_is_idempotent_enough_to_compare_a_text_with_itself(text):
    assert whole.score(text, [text]) == 1.0


@given(st.text(max_size=40), st.lists(st.text(max_size=20), max_size=3))
def test_odd_output_never_raises(text, references):
    assert styled.score(text, references) in (0.0, 1.0)


def test_15_a_failed_row_scores_zero_and_stays_in_n():
    """Even where the reference is empty, as the output of a failed row is."""
    rows = [{"output": "", "references": [""], "finish": finish} for finish in ("stop", "error")]
    assert whole.statistics(rows).tolist() == [[1.0], [0.0]]
    assert float(whole.value(whole.statistics(rows).sum(axis=0), 2)) == 0.5


def test_bad_patterns_are_refused():
    for pattern in ("(", "no group", "(two) (groups)"):
        (problem,) = ExactMatch("exact_match", pattern=pattern, normalization="plain", ignore=[]).check()
        assert problem.where == "dataset.answer_pattern"
    assert (
        ExactMatch("e", pattern=None, normalization="sqad", ignore=[]).check()[0].fix.startswith("Did you mean squad?")
    )
    assert styled.check() == []
