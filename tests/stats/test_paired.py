"""Paired comparisons: pairing pays, chance is called chance, ties stay ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.stats.paired import compare_all, rank_ranges
from ftbench.stats.resample import cluster_sums, clusters, resampled

OPTIONS = {"confidence": 0.95, "resamples": 400, "seed": 5}


def mean(totals, n):
    return totals[..., 0] / n


def compare(cells, groups=None, **options):
    size = len(next(iter(cells.values())))
    tables = {name: np.asarray(scores, dtype=float).reshape(-1, 1) for name, scores in cells.items()}
    return compare_all(
        tables, mean, [f"row{i}" for i in range(size)], groups or [None] * size, **{**OPTIONS, **options}
    )


def test_23_pairing_removes_what_makes_an_example_hard():
    """A small steady gain, under differences between examples fifty times as large."""
    rng = np.random.default_rng(0)
    hard = rng.normal(scale=5.0, size=60)
    (found,) = compare({"a": hard, "b": hard + 0.1 + rng.normal(scale=0.1, size=60)})
    assert not found.tie and found.p < 0.05
    assert found.high < 0
    (strangers,) = compare({"a": hard, "b": rng.permutation(hard) + 0.1})
    assert strangers.tie


def test_23_cells_over_other_examples_are_not_compared():
    with pytest.raises(ValueError, match="same examples"):
        compare({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0]})


def test_23_both_cells_meet_the_same_resamples():
    codes = clusters([f"row{i}" for i in range(30)], [None] * 30)
    scores = np.random.default_rng(1).normal(size=(30, 1))
    a, b = (resampled(cluster_sums(table, codes), 50, 3) for table in (scores, scores + 2.0))
    np.testing.assert_allclose(b[:, 0] - a[:, 0], 60.0)


def test_24_a_gap_in_one_document_is_no_gap():
    """Forty rows of one document carry the whole difference."""
    groups = [f"document {i // 40}" for i in range(400)]
    a = np.zeros(400)
    b = a.copy()
    b[:40] = 1.0
    (clustered,) = compare({"a": a, "b": b}, groups)
    (naive,) = compare({"a": a, "b": b})
    assert clustered.tie and clustered.low <= 0 <= clustered.high
    assert not naive.tie


@given(st.lists(st.lists(st.integers(0, 3), min_size=8, max_size=8), min_size=2, max_size=5), st.integers(0, 50))
@settings(max_examples=60, deadline=None)
def test_28_a_tie_is_never_dropped(cells, seed):
    """Interval, p and tie agree, and every tie shows as overlapping ranges."""
    named = {f"c{i}": scores for i, scores in enumerate(cells)}
    differences = compare(named, seed=seed, resamples=100)
    assert len(differences) == len(named) * (len(named) - 1) // 2
    values = {name: float(np.mean(scores)) for name, scores in named.items()}
    ranks = rank_ranges(values, differences, higher_is_better=True)
    for found in differences:
        assert found.tie == (found.low <= 0 <= found.high)
        assert found.tie == (found.p_adjusted > 0.05)
        assert found.p <= found.p_adjusted <= 1
        if found.tie:
            (a, b), (c, d) = ranks[found.first], ranks[found.second]
            assert max(a, c) <= min(b, d)
        else:
            better, worse = (found.first, found.second) if found.value > 0 else (found.second, found.first)
            assert ranks[better][0] < ranks[worse][0] or ranks[better][1] < ranks[worse][1]
    assert all(1 <= best <= worst <= len(named) for best, worst in ranks.values())


def test_28_ranks_are_ranges():
    rng = np.random.default_rng(2)
    base = rng.normal(size=80)
    cells = {"best": base + 5, "twin": base + 5 + rng.normal(scale=0.5, size=80), "worst": base - 5}
    differences = compare(cells)
    values = {name: float(np.mean(scores)) for name, scores in cells.items()}
    assert rank_ranges(values, differences, True) == {"best": (1, 2), "twin": (1, 2), "worst": (3, 3)}
    assert rank_ranges(values, differences, False) == {"best": (2, 3), "twin": (2, 3), "worst": (1, 1)}


def test_identical_cells_tie_with_p_one():
    (found,) = compare({"a": [0.0, 1.0, 1.0, 0.0, 1.0], "b": [0.0, 1.0, 1.0, 0.0, 1.0]})
    assert (found.tie, found.p, found.value, found.differing) == (True, 1.0, 0.0, 0)


def test_few_differing_clusters_prove_nothing():
    """Five examples that fall one way are five coins: p = 1/16 at best. Six are enough."""
    for differing, tie in ((5, True), (6, False), (30, False)):
        a = np.zeros(30)
        b = a.copy()
        b[:differing] = 1.0
        (found,) = compare({"a": a, "b": b})
        assert found.differing == differing and found.tie is tie
        assert found.p >= min(2.0 ** (1 - differing), 1.0)
    (constant,) = compare({"a": [0.0] * 4, "b": [1.0] * 4})
    assert constant.tie and constant.low <= 0 <= constant.high


def test_one_group_says_nothing():
    (found,) = compare({"a": [0.0, 1.0], "b": [5.0, 6.0]}, ["g", "g"])
    assert found.tie and found.low is None and found.p == 1.0


def test_25_the_family_is_adjusted_over():
    rng = np.random.default_rng(4)
    base = rng.normal(size=40)
    cells = {f"c{i}": base + rng.normal(scale=1.0, size=40) for i in range(6)}
    pair = compare({"c0": cells["c0"], "c1": cells["c1"]})[0]
    same = next(found for found in compare(cells) if (found.first, found.second) == ("c0", "c1"))
    assert same.family == 15 and pair.family == 1
    assert same.p_adjusted > pair.p_adjusted
    assert same.high - same.low > pair.high - pair.low


def test_chance_is_called_chance():
    """Among six cells that do not differ, in 60 worlds, a false gap in hardly more than 5% of the worlds."""
    rng = np.random.default_rng(8)
    worlds = 60
    false = sum(
        any(
            not found.tie
            for found in compare({f"c{i}": rng.normal(size=25) for i in range(6)}, resamples=200, seed=seed)
        )
        for seed in range(worlds)
    )
    assert false / worlds <= 0.12


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_order_of_rows_changes_nothing(random):
    rng = np.random.default_rng(6)
    scores = {"a": rng.normal(size=20), "b": rng.normal(size=20)}
    order = list(range(20))
    random.shuffle(order)
    ids = [f"row{i}" for i in range(20)]
    first = compare_all({name: s.reshape(-1, 1) for name, s in scores.items()}, mean, ids, [None] * 20, **OPTIONS)[0]
    second = compare_all(
        {name: s[order].reshape(-1, 1) for name, s in scores.items()},
        mean,
        [ids[i] for i in order],
        [None] * 20,
        **OPTIONS,
    )[0]
    assert (first.p, first.tie) == (second.p, second.tie)
    assert (first.low, first.high) == pytest.approx((second.low, second.high))
