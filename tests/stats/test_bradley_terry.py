"""Bradley-Terry with ties: the published fit, when no finite one exists, and honest intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.stats.bradley_terry import FIRST, SECOND, TIE, BradleyTerry, bradley_terry

# Agresti, A. (2002). Categorical Data Analysis, 2nd ed., table 10.10: wins of the row's team over the column's,
# American League East, 1987 season.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
WINS = (
    (0, 7, 9, 7, 7, 9, 11),
    (6, 0, 7, 5, 11, 9, 9),
    (4, 6, 0, 7, 7, 8, 12),
    (6, 8, 6, 0, 6, 7, 10),
    (6, 2, 6, 7, 0, 7, 12),
    (4, 4, 5, 6, 6, 0, 6),
    (2, 4, 1, 3, 1, 7, 0),
)
ABILITIES = {
    "Milwaukee": 1.5814,
    "Detroit": 1.4364,
    "Toronto": 1.2945,
    "New York": 1.2476,
    "Boston": 1.1077,
    "Cleveland": 0.6839,
    "Baltimore": 0.0,
}


def fit(
    systems: tuple[str, ...],
    rows: list[tuple[int, int, int]],
    reference: str | None = None,
    codes: list[int] | None = None,
) -> BradleyTerry:
    first, second, outcome = zip(*rows, strict=True)
    codes = list(range(len(rows))) if codes is None else codes
    return bradley_terry(
        systems, first, second, outcome, [1.0] * len(rows), codes, reference=reference or systems[0], confidence=0.95
    )


def test_agrestis_baseball_abilities() -> None:
    games = [(i, j, FIRST) for i in range(7) for j in range(7) for _ in range(WINS[i][j])]
    found = fit(TEAMS, games, "Baltimore")
    assert {one.system: round(one.ability, 4) for one in found.strengths} == pytest.approx(ABILITIES, abs=2e-4)
    assert found.finite and found.tie is None and found.comparisons == sum(map(sum, WINS))
    milwaukee = found.strengths[0]
    # Agresti's model-based standard errors are about 0.34; the sandwich over games is close to them where the model
    # holds
    assert milwaukee.error == pytest.approx(0.343, abs=0.03)


def test_davidsons_model_satisfies_its_likelihood_equations() -> None:
    """At the maximum the expected score of each system, ties half, and the expected number of ties are the observed
    ones (Davidson 1970, 4.2).
    """
    rng = np.random.default_rng(3)
    rows = [
        (int(i), int(j), int(rng.choice(3, p=[0.5, 0.2, 0.3])))
        for i, j in (rng.choice(3, 2, replace=False) for _ in range(200))
    ]
    found = fit(("a", "b", "c"), rows)
    strength = {one.system: np.exp(one.ability) for one in found.strengths}
    expected, observed = np.zeros(4), np.zeros(4)
    for i, j, outcome in rows:
        first, second = strength["abc"[i]], strength["abc"[j]]
        tie = np.exp(found.tie) * np.sqrt(first * second)
        total = first + second + tie
        expected += np.bincount(
            [i, j, 3], [(first + tie / 2) / total, (second + tie / 2) / total, tie / total], minlength=4
        )
        observed += np.bincount([i, j, 3], [1 - outcome / 2, outcome / 2, outcome == TIE], minlength=4)
    assert expected == pytest.approx(observed, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)).filter(lambda row: row[0] != row[1]),
        min_size=1,
        max_size=30,
    ),
    st.randoms(),
)
def test_order_and_sides_change_nothing(rows: list[tuple[int, int, int]], random) -> None:
    turned = [
        (j, i, 2 - outcome) if random.random() < 0.5 else (i, j, outcome)
        for i, j, outcome in random.sample(rows, len(rows))
    ]
    one, other = fit(tuple("abcd"), rows), fit(tuple("abcd"), turned)
    assert one.finite == other.finite
    assert {found.system: found.ability for found in one.strengths} == pytest.approx(
        {found.system: found.ability for found in other.strengths}, abs=1e-6
    )
    assert all(abs(found.ability) < 20 for found in one.strengths), (
        "neither a finite nor a regularised estimate runs away"
    )


def test_a_system_that_never_loses_has_no_finite_strength() -> None:
    found = fit(("a", "b", "c"), [(0, 1, FIRST), (0, 2, FIRST), (1, 2, FIRST), (2, 1, FIRST)])
    assert not found.finite and found.regularised and found.why == "a never lost to any of the others"
    assert found.strengths[0].system == "a" and all(one.low is None for one in found.strengths)


def test_wins_and_ties_without_a_loss_have_no_finite_strength() -> None:
    found = fit(("a", "b"), [(0, 1, FIRST)] * 6 + [(0, 1, TIE)] * 4)
    assert not found.finite and "a never lost" in found.why


def test_disconnected_comparisons_have_no_finite_strength() -> None:
    found = fit(("a", "b", "c", "d"), [(0, 1, FIRST), (1, 0, FIRST), (2, 3, FIRST), (3, 2, FIRST)])
    assert not found.finite and found.why == "the comparisons fall into groups that never met: a, b | c, d"
    assert not fit(("a", "b"), [(0, 1, TIE)] * 3).finite


def test_24_verdicts_on_one_example_count_together() -> None:
    """Mistake 24: five raters who say the same of one example are not five examples."""
    rng = np.random.default_rng(0)
    rows = [(0, 1, int(rng.choice([FIRST, SECOND], p=[0.6, 0.4]))) for _ in range(60)]
    alone = fit(("a", "b"), rows).strengths
    five = fit(
        ("a", "b"), [row for row in rows for _ in range(5)], codes=[index for index in range(60) for _ in range(5)]
    ).strengths
    assert max(one.error for one in five if one.error) == pytest.approx(
        max(one.error for one in alone if one.error), rel=1e-6
    )


@pytest.mark.slow
def test_intervals_cover() -> None:
    """Over 300 made-up reviews of 60 examples by three raters, the 95% interval holds the true difference about 95% of
    the time.
    """
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(300):
        rows, codes = [], []
        for example in range(60):
            i, j = rng.choice(3, 2, replace=False)
            scores = np.exp([0.7 * (i == 1) + 0.0, 0.35 * ((i == 1) + (j == 1)) - 0.5, 0.7 * (j == 1)])
            outcome = int(rng.choice(3, p=scores / scores.sum()))
            rows += [(int(i), int(j), outcome)] * 3
            codes += [example] * 3
        found = next(one for one in fit(("a", "b", "c"), rows, codes=codes).strengths if one.system == "b")
        covered += found.low is not None and found.low <= 0.7 <= found.high
    assert 273 <= covered <= 298
