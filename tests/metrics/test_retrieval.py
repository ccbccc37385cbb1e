"""Retrieval metrics against scikit-learn and counting by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.metrics.retrieval import Ndcg, Recall, ReciprocalRank


def row(found, gold, depth=20, finish="stop"):
    return {
        "gold_documents": list(gold),
        "finish": finish,
        "notes": {"retrieved": [{"document": name} for name in found], "depth": depth},
    }


def score(metric, *rows):
    return float(metric.value(metric.statistics(rows).sum(axis=0), np.float64(len(rows))))


def test_known_values():
    rows = [row("abc", "b"), row("abc", "xc"), row("abc", "z"), row("aab", "b", finish="error")]
    assert score(Recall("r", 1), *rows) == 0.0
    assert score(Recall("r", 3), *rows) == (1 + 0.5 + 0 + 1) / 4
    assert score(ReciprocalRank("m", 10), *rows) == pytest.approx(
        (1 / 2 + 1 / 3 + 0 + 1 / 2) / 4
    )  # the third passage of the last is its second document
    ideal = 1 + 1 / math.log2(3)
    assert score(Ndcg("n", 10), *rows) == pytest.approx(
        (1 / math.log2(3) + (1 / math.log2(4)) / ideal + 0 + 1 / math.log2(3)) / 4
    )


def test_rows_that_tell_nothing_of_retrieval_are_left_out():
    good, other = row("a", "a"), {"gold_documents": ["a"], "notes": None}
    assert (
        score(Recall("r", 1), good, other, row("a", ""), {"gold_documents": ["a"], "notes": {"added_tokens": 3}}) == 1.0
    )
    assert math.isnan(score(Recall("r", 1), other))
    assert math.isnan(score(Recall("r", 10), row("a", "a", depth=5)))  # looked up five deep: recall at ten is not known
    assert score(Recall("r", 10), row("a", "a", depth=None)) == 1.0
    assert [problem.where for problem in Recall("r", 0).check()] == ["r.k"]


@settings(max_examples=50, deadline=None)
@given(found=st.permutations("abcdefgh"), gold=st.sets(st.sampled_from("abcdefgh"), min_size=1), k=st.integers(1, 8))
def test_ndcg_is_that_of_scikit_learn(found, gold, k):
    sklearn = pytest.importorskip("sklearn.metrics")
    relevance = [[float(name in gold) for name in found]]
    wanted = sklearn.ndcg_score(relevance, [[float(-place) for place in range(len(found))]], k=k)
    assert score(Ndcg("n", k), row(found, gold)) == pytest.approx(wanted)


def test_a_cell_without_a_value_says_why():
    asked = {"gold_documents": ["a"], "notes": None}
    assert "no row names its gold documents" in Recall("r", 1).why_not([row("a", "")])
    assert Recall("r", 1).why_not([asked]) == "this context looks up no documents"
    assert "fewer than 10" in Recall("r", 10).why_not([row("a", "a", depth=5)])
