"""Agreement: the published values, and what must hold of any of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.stats.agreement import alpha_interval, cohen_kappa, fleiss_kappa, krippendorff_alpha

# Fleiss, J. L. (1971). Measuring nominal scale agreement among many raters. Psychological Bulletin 76, table 1:
# psychiatric diagnoses of 30 patients by 6 raters each (depression, personality disorder, schizophrenia, neurosis,
# other).
FLEISS_1971 = """
0 0 0 6 0
0 3 0 0 3
0 1 4 0 1
0 0 0 0 6
0 3 0 3 0
2 0 4 0 0
0 0 4 0 2
2 0 3 1 0
2 0 0 4 0
0 0 0 0 6
1 0 0 5 0
1 1 0 4 0
0 3 3 0 0
1 0 0 5 0
0 2 0 3 1
0 0 5 0 1
3 0 0 1 2
5 1 0 0 0
0 2 0 4 0
1 0 2 0 3
0 0 0 0 6
0 1 0 5 0
0 2 0 1 3
2 0 0 4 0
1 0 0 4 1
0 5 0 1 0
4 0 0 0 2
0 2 0 4 0
1 0 5 0 0
0 0 0 0 6
"""
# Krippendorff, K. (2011). Computing Krippendorff's Alpha-Reliability, example C: 4 observers, 12 units, missing data.
KRIPPENDORFF_2011 = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
# Krippendorff's three-coder example with missing values (as in the reference article on the coefficient): 3 coders, 15
# units.
THREE_CODERS = (".....341211 33.3".replace(" ", ""), "1.213343.......", "..21344.21133.4")


def units(coders: tuple[str, ...]) -> list[list[float]]:
    return [[float(value) for value in column if value != "."] for column in zip(*coders, strict=True)]


def test_fleiss_1971() -> None:
    table = np.array([[int(word) for word in line.split()] for line in FLEISS_1971.split("\n") if line])
    assert table.shape == (30, 5) and (table.sum(axis=1) == 6).all()
    assert fleiss_kappa(table) == pytest.approx(0.430, abs=5e-4)


@pytest.mark.parametrize(
    ("coders", "level", "alpha"),
    [
        (THREE_CODERS, "nominal", 0.691),
        (THREE_CODERS, "interval", 0.811),
        (KRIPPENDORFF_2011, "nominal", 0.743),
        (KRIPPENDORFF_2011, "ordinal", 0.815),
        (KRIPPENDORFF_2011, "interval", 0.849),
    ],
)
def test_krippendorffs_worked_examples(coders: tuple[str, ...], level: str, alpha: float) -> None:
    assert krippendorff_alpha(units(coders), level) == pytest.approx(alpha, abs=5e-4)


def test_cohen_1960() -> None:
    # Cohen, J. (1960). A coefficient of agreement for nominal scales, table 1: proportions of 200 cases; kappa 0.492
    counts = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    first = [row for row in range(3) for column in range(3) for _ in range(counts[row, column])]
    second = [column for row in range(3) for column in range(3) for _ in range(counts[row, column])]
    assert cohen_kappa(first, second) == pytest.approx(0.492, abs=5e-4)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 4), min_size=0, max_size=4), min_size=1, max_size=12),
    st.sampled_from(["nominal", "ordinal", "interval"]),
    st.randoms(),
)
def test_alpha_knows_no_order_and_no_names(rows: list[list[int]], level: str, random) -> None:
    alpha = krippendorff_alpha(rows, level)
    mixed = [random.sample(row, len(row)) for row in random.sample(rows, len(rows))]
    moved = [[3 * value + 7 for value in row] for row in mixed]  # the same order and the same ratios of distances
    other = krippendorff_alpha(moved, level)
    assert (alpha is None) == (other is None)
    if alpha is not None:
        assert other == pytest.approx(alpha)
        assert alpha <= 1 + 1e-12
    assert krippendorff_alpha([[value] for row in rows for value in row], level) is None


def test_full_agreement_is_one_and_chance_is_about_zero() -> None:
    assert krippendorff_alpha([[1, 1], [2, 2], [3, 3, 3]], "nominal") == 1.0
    assert krippendorff_alpha([[1, 1], [1, 1]], "nominal") is None, "agreement beyond chance needs variation"
    assert cohen_kappa(["a", "a"], ["a", "a"]) is None and cohen_kappa([], []) is None
    random = np.random.default_rng(0).integers(3, size=(3000, 2)).tolist()
    assert abs(krippendorff_alpha(random, "nominal")) < 0.04
    low, high = alpha_interval(random, list(range(3000)), "nominal", confidence=0.95, resamples=400, seed=0)
    assert low < 0 < high < 0.08


def test_kappa_of_unequal_numbers_of_ratings_is_refused() -> None:
    with pytest.raises(ValueError, match="same number"):
        fleiss_kappa(np.array([[1, 1], [2, 1]]))
