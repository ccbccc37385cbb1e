"""Margins, families, methods over seeds, McNemar, and what can be shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from benchmarks.statistics import coverage, false_methods, false_winners, grouped, power, scores, wrongly_as_good
from ftbench.compile import settings as config
from ftbench.stats import seeds as seeds_module
from ftbench.stats.family import FAMILIES, pairs_of
from ftbench.stats.mcnemar import mcnemar
from ftbench.stats.paired import BETTER, EQUIVALENT, NOT_WORSE, UNDECIDED, WORSE, compare
from ftbench.stats.power import Sample, detectable, examples_for
from ftbench.stats.resample import on_grid, random_signs, resampled
from ftbench.stats.seeds import method_gap

OPTIONS = {"confidence": 0.95, "resamples": 500, "seed": 3}


def mean(totals, n):
    return totals[..., 0] / n


def pair(a, b, **options):
    ids = [str(i) for i in range(len(a))]
    tables = {"a": np.reshape(a, (-1, 1)), "b": np.reshape(b, (-1, 1))}
    (found,) = compare(tables, mean, ids, [None] * len(ids), **{**OPTIONS, "family": "all", **options}).declared
    return found


def test_26_without_a_margin_a_tie_is_undecided():
    rng = np.random.default_rng(0)
    base = rng.normal(size=4000)
    a, b = base + rng.normal(scale=0.05, size=4000), base + rng.normal(scale=0.05, size=4000)
    assert pair(a, b).tie and pair(a, b).verdict == UNDECIDED
    assert pair(a, b, margin=0.05).verdict == EQUIVALENT
    assert pair(a[:20], rng.normal(size=20), margin=0.05).verdict == UNDECIDED


def test_26_not_worse_and_better_within_the_margin():
    rng = np.random.default_rng(1)
    base, noise = rng.normal(size=400), rng.normal(scale=0.4, size=400)
    found = pair(base + 0.02 + noise - noise.mean(), base, margin=0.05)
    assert found.tie and found.verdict == NOT_WORSE and not found.within_margin
    small = pair(base + 0.02 + noise / 100, base, margin=0.05)
    assert small.verdict == BETTER and small.within_margin
    assert pair(base + 0.02 + noise / 100, base, margin=0.05, higher_is_better=False).verdict == WORSE


def test_26_two_cells_that_never_differ_are_equal_only_over_many_examples():
    same = np.array([0.0, 1.0] * 5)
    assert pair(same, same, margin=0.05).verdict == UNDECIDED
    many = np.tile(same, 50)
    assert pair(many, many, margin=0.05).verdict == EQUIVALENT
    assert pair(np.ones(500), np.ones(500), margin=0.05).verdict == UNDECIDED  # nothing moves: nothing to judge by


def test_25_against_the_best_the_bar_is_that_of_all_pairs():
    rng = np.random.default_rng(2)
    tables = {f"c{i}": rng.normal(size=(60, 1)) for i in range(5)}
    ids, groups = [str(i) for i in range(60)], [None] * 60
    best, every, base = (
        compare(tables, mean, ids, groups, **OPTIONS, family=name, baselines=["c0"])
        for name in FAMILIES[:1] + FAMILIES[2:] + FAMILIES[1:2]
    )
    assert (len(best.declared), len(best.known), len(every.declared), len(base.known)) == (4, 10, 10, 4)
    assert {one.p_adjusted for one in best.declared} <= {one.p_adjusted for one in every.declared}
    shared = {(one.first, one.second): one.p_adjusted for one in every.declared}
    assert all(one.p_adjusted <= shared[one.first, one.second] for one in base.declared)
    with pytest.raises(ValueError, match="no family"):
        pairs_of(["a", "b"], np.zeros(2), "pairs", [])
    assert FAMILIES == config.FAMILIES


def test_27_one_seed_says_nothing_of_methods_and_several_carry_their_spread():
    rng = np.random.default_rng(4)
    hard = rng.normal(size=(300, 1))
    runs = [hard + shift + rng.normal(scale=0.05, size=(300, 1)) for shift in (0.0, 0.4, 0.8)]
    base = [hard]
    ids, groups = [str(i) for i in range(300)], [None] * 300
    assert method_gap(runs[:1], base, mean, ids, groups, **OPTIONS) is None
    gap = method_gap(runs, base, mean, ids, groups, **OPTIONS)
    assert gap.value == pytest.approx(0.4, abs=0.02) and gap.seed_error == pytest.approx(0.4 / 3**0.5, rel=0.05)
    assert gap.seed_error > 10 * gap.sampling_error
    assert gap.low < 0 < gap.high and gap.p > 0.1, "three seeds that far apart show no method to be better"
    assert not pair(runs[2], hard).tie, "though this one checkpoint surely is"
    steady = method_gap([hard + 0.4, hard + 0.41, hard + 0.39], base, mean, ids, groups, **OPTIONS)
    assert steady.low > 0.3
    same = method_gap([hard, hard], [hard, hard], mean, ids, groups, **OPTIONS)
    one = pair(hard, hard)
    assert same.low == pytest.approx(one.low) and same.high == pytest.approx(one.high) and same.low < 0 < same.high, (
        "alike so far is not alike for certain"
    )


@pytest.mark.parametrize(("seeds", "ratio"), [((2, 1), 4.0), ((2, 2), 1.0), ((3, 1), 2.0)])
def test_27_two_seeds_that_happen_to_agree_prove_little(seeds, ratio):
    """With Welch's degrees of freedom for the sum of both errors 12% of equal methods were called different here."""
    assert false_methods(seeds, ratio, 40, worlds=400, resamples=100) <= 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


@given(st.floats(0.01, 3.0), st.floats(0.0, 3.0), st.integers(1, 6), st.floats(0.1, 5.0))
@example(0.125, 0.0078125, 4, 4.0)  # p is 1e-10
@settings(max_examples=40, deadline=None)
def test_the_p_value_of_methods_is_the_error_rate_at_which_the_interval_touches_zero(sampling, seed, freedom, gap):
    parts = [(sampling**2, 50), (seed**2, freedom)]
    p = seeds_module._p_value(parts, gap)
    assert 0 < p <= 1 and seeds_module._half_width(parts, p) == pytest.approx(gap, rel=1e-4) or p <= 1e-12


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=40))
@settings(max_examples=60, deadline=None)
def test_mcnemar_is_the_exact_binomial_test(answers):
    first, second = (np.array([float(one[side]) for one in answers]) for side in (0, 1))
    found = mcnemar(first, second, np.arange(len(answers)))
    more, fewer = int(((first == 1) & (second == 0)).sum()), int(((first == 0) & (second == 1)).sum())
    assert (found.first_only, found.second_only) == (more, fewer)
    assert found.p == pytest.approx(binomtest(more, more + fewer).pvalue if more + fewer else 1.0)
    assert mcnemar(first + 0.5, second, np.arange(len(answers))) is None


def test_24_mcnemar_over_groups_counts_groups():
    first, second, codes = np.ones(40), np.zeros(40), np.repeat(np.arange(4), 10)
    assert mcnemar(first, second, np.arange(40)).p < 1e-9
    assert mcnemar(first, second, codes).p >= 1 / 8


def test_what_can_be_shown_knows_groups_margins_and_comparisons():
    alone, grouped_ten = Sample.of([None] * 100), Sample.of([f"g{i // 10}" for i in range(100)])
    options = {"confidence": 0.95, "power": 0.8}
    assert alone == Sample.of_sizes({"1": 100}) and grouped_ten == Sample.of_sizes({"10": 10})
    assert detectable(alone, 0.5, 0.3, **options, pairs=1) == pytest.approx(0.1414, abs=5e-4)  # G*Power: dz 0.2829
    assert detectable(grouped_ten, 0.5, 0.3, **options, pairs=1) > 1.9 * detectable(alone, 0.5, 0.3, **options, pairs=1)
    assert detectable(alone, 0.5, 0.3, **options, pairs=9) > detectable(alone, 0.5, 0.3, **options, pairs=1)
    assert detectable(Sample.of(["g"] * 9), 0.5, 0.3, **options, pairs=1) is None
    needed = examples_for(0.05, alone, 0.5, 0.0, **options, pairs=1)
    assert 1000 < needed < 1100 and examples_for(0.1, alone, 0.5, 0.0, **options, pairs=1) == pytest.approx(
        needed / 4, abs=1
    )


def test_sums_of_resamples_are_exact():
    rng = np.random.default_rng(6)
    sums = rng.normal(size=(37, 3)) * [1.0, 1e-9, 1e12]
    grid = on_grid(sums)
    np.testing.assert_allclose(grid, sums, rtol=1e-10, atol=1e-12 * np.abs(sums).max(axis=0).max())
    order = rng.permutation(37)
    assert (random_signs(37, 20, 1)[:, order] @ grid[order] == random_signs(37, 20, 1) @ grid).all()
    assert (resampled(sums, 50, 2)[:, [2, 0]] == resampled(sums[:, [2, 0]], 50, 2)).all()


@pytest.mark.slow
def test_the_promises_hold_in_small_simulations():
    """``benchmarks/statistics.py`` at a size for every day: limits are the promises plus three Monte Carlo errors."""
    worlds = 250
    assert 0.90 < coverage(scores(100), 1 / 3, worlds, 300) < 0.99
    assert 0.90 < coverage(grouped(20, 10, 0.3, 0.7), 0.7, worlds, 300) < 0.995
    assert false_winners(10, 100, "best", worlds, 300, binary=True) < 0.05 + 0.042
    assert power(100, 2, worlds, 300) > 0.78 - 0.076
    assert wrongly_as_good(100, 0.1, worlds, 300, binary=False)[0] < 0.05 + 0.042
