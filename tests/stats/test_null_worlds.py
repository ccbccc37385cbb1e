"""Where there is nothing to find nothing is claimed: trained and asked for real (``python -m benchmarks.null_worlds``
does it in 20 worlds).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.null_worlds import claims, likely, rate, run


@pytest.mark.slow
def test_26_nothing_is_claimed_where_no_method_differs(tmp_path: Path) -> None:
    results = run("no_difference", [0], "none,lora", tmp_path)
    assert [len(family["cells"]) for family in results["families"]] == [2]
    assert any(pair["differing"] for family in results["families"] for pair in family["comparisons"]), (
        "training must have changed answers"
    )
    assert claims(results) == [[]]


@pytest.mark.slow
def test_26_nothing_is_claimed_where_tuning_adds_nothing(tmp_path: Path) -> None:
    """Seed 8 is one in which training on changed facts would truly hurt: by 0.05 over all 1,200 questions."""
    results = run("no_gain", [8], "none,lora", tmp_path)
    assert claims(results) == [[]]
    assert all(abs(pair["value"]) < 0.01 for family in results["families"] for pair in family["comparisons"])


def test_a_claim_is_seen_and_too_many_of_them_are_not_chance() -> None:
    pair = {"first": "a", "second": "b", "verdict": "better", "tie": False}
    (found,) = claims(
        {
            "families": [
                {
                    "comparisons": [pair],
                    "sentences": ["Tuning helps: b against a.", "No two of these 2 cells can be told apart."],
                }
            ]
        }
    )
    assert found == ["a better than b", "Tuning helps: b against a."]
    assert likely(1, 20) and likely(3, 20) and not likely(5, 20) and not likely(2, 2)
    low, high = rate(0, 20)
    assert low == 0 and high == pytest.approx(1 - 0.025 ** (1 / 20))
