"""Shares over clusters, the sign test, Holm's adjustment, and association with a second score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.stats.association import association, kendall, sign_agreement, spearman
from ftbench.stats.intervals import wilson
from ftbench.stats.proportions import holm, share, sign_test


def test_24_a_share_over_examples_counts_examples() -> None:
    """Mistake 24: three raters who agree on every example give the interval of the examples, not of three times as
    many.
    """
    wins = np.array([1.0] * 30 + [0.0] * 20)
    found = share(np.repeat(wins, 3), np.repeat(np.arange(50), 3), 0.95)
    low, high = wilson(30, 50, 0.95)
    assert (found.value, found.n, found.clusters) == (0.6, 150, 50)
    assert found.low == pytest.approx(low, abs=0.01) and found.high == pytest.approx(high, abs=0.01)


def test_sign_test_is_the_binomial_of_the_clusters() -> None:
    found = sign_test(
        np.array([1.0, 1, 1, 1, 1, -1, 0, 1 / 3, 1 / 3, -2 / 3]), np.array([0, 1, 2, 3, 4, 5, 6, 7, 7, 7])
    )
    assert (found.positive, found.negative) == (5, 1)
    assert found.p == pytest.approx(2 * (6 + 1) / 2**6)  # Siegel's table: 1 of 6 has p = 0.109 one-sided
    assert sign_test(np.zeros(3), np.arange(3)).p == 1.0


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_lowers_and_keeps_the_order(values: list[float]) -> None:
    found = holm(values)
    assert all(adjusted >= value for adjusted, value in zip(found, values, strict=True))
    order = sorted(range(len(values)), key=values.__getitem__)
    assert all(found[one] <= found[other] for one, other in zip(order, order[1:], strict=False))


def test_association() -> None:
    first, second = np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4])
    assert kendall(first, second) == pytest.approx(2 / 3) and spearman(first, second) == pytest.approx(0.8)
    assert sign_agreement(np.array([1.0, -1, 0, 5]), np.array([1.0, 1, -1, 0])) == pytest.approx(0.5)
    found = association(spearman, first, np.zeros(4), np.arange(4), confidence=0.95, resamples=50, seed=0)
    assert found.value is None
    found = association(sign_agreement, first, second, np.arange(4), confidence=0.95, resamples=200, seed=0)
    assert found.value == found.high == 1.0
