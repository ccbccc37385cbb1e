"""What verdicts show: worked by hand, honest about what they do not show, from anybody's CSV."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.cli.main import main
from ftbench.review.compared import Settings
from ftbench.review.conclusions import conclude
from ftbench.review.evidence import Alike, Evidence, Rating, Verdict
from ftbench.review.show import render

HEAD = "example_id,system_a,system_b,rater,choice"


def verdict(example: int | str, choice: str, rater: str = "r", first: str = "x", second: str = "y", **rest) -> Verdict:
    return Verdict(
        str(example),
        rest.pop("cluster", str(example)),
        first,
        second,
        rater,
        choice,
        rest.pop("left", None),
        "overall",
        rest.pop("repeat", False),
    )


def evidence(verdicts: list[Verdict], **rest) -> Evidence:
    systems = dict.fromkeys(system for one in verdicts for system in (one.first, one.second))
    return Evidence({system: system for system in systems}, verdicts=verdicts, **rest)


def stats(tmp_path: Path, text: str, capsys: pytest.CaptureFixture, *words: str) -> tuple[int, str, str]:
    path = tmp_path / "verdicts.csv"
    path.write_text(text, encoding="utf-8")
    status = main(["review", "stats", str(path), *words])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_by_hand() -> None:
    """6 wins, 2 losses, 1 tie, 1 both bad on ten examples: win rate 0.7, sign test 6 to 2 with p = 0.289 (tables of the
    binomial).
    """
    found = conclude(
        evidence(
            [verdict(n, choice) for n, choice in enumerate("aaaaaabb")] + [verdict(8, "tie"), verdict(9, "both_bad")]
        ),
        Settings(),
    )
    (pair,) = found["pairs"]
    assert (pair["first"], pair["second"]) == ("y", "x"), "against the baseline, the first system"
    assert [pair[name]["value"] for name in ("win", "tie", "both_bad", "loss", "win_rate")] == pytest.approx(
        [0.2, 0.1, 0.1, 0.6, 0.3]
    )
    assert (pair["sign_test"]["positive"], pair["sign_test"]["negative"]) == (2, 6) and pair["sign_test"][
        "p"
    ] == pytest.approx(0.2890625)
    assert pair["verdict"] == "undecided" and pair["win_rate"]["low"] < 0.5 <= pair["win_rate"]["high"]
    # Davidson for two systems in closed form: ability log(wins / losses)
    assert found["bradley_terry"]["strengths"][0]["ability"] == 0.0
    assert found["bradley_terry"]["strengths"][1]["ability"] == pytest.approx(np.log(2 / 6))


def test_24_raters_of_one_example_are_not_examples() -> None:
    """Mistake 24: ten raters on each of six examples are six comparisons, and six alike prove little."""
    many = conclude(evidence([verdict(n, "a", f"r{rater}") for n in range(5) for rater in range(10)]), Settings())
    few = conclude(evidence([verdict(n, "a") for n in range(5)]), Settings())
    assert many["pairs"][0]["n"] == 5 and many["pairs"][0]["win_rate"] == few["pairs"][0]["win_rate"]
    assert many["pairs"][0]["verdict"] == "undecided" and many["pairs"][0]["sign_test"]["p"] == pytest.approx(2 / 32)
    grouped = conclude(evidence([verdict(n, "a", cluster=f"g{n // 10}") for n in range(50)]), Settings())
    assert grouped["pairs"][0]["verdict"] == "undecided" and grouped["pairs"][0]["clusters"] == 5


def test_25_the_family_is_adjusted_over() -> None:
    """Mistake 25: 9 to 1 is p = 0.021 alone, and nothing among four comparisons."""
    nine = [verdict(n, "b" if n else "a") for n in range(10)]
    others = [verdict(f"{name}{n}", "ab"[n % 2], second=name) for name in ("u", "v", "w") for n in range(10)]
    alone, among = conclude(evidence(nine), Settings()), conclude(evidence(nine + others), Settings())
    assert (
        alone["pairs"][0]["sign_test"]["p_adjusted"] == pytest.approx(22 / 1024)
        and alone["pairs"][0]["verdict"] == "better"
    )
    assert (
        among["pairs"][0]["sign_test"]["p_adjusted"] == pytest.approx(88 / 1024)
        and among["pairs"][0]["verdict"] == "undecided"
    )


def test_26_not_significant_is_not_equal() -> None:
    """Mistake 26: without a margin nothing is equal; with one it takes enough examples."""
    level = [verdict(n, "ab"[n % 2]) for n in range(400)]
    assert conclude(evidence(level[:20]), Settings())["pairs"][0]["verdict"] == "undecided"
    assert conclude(evidence(level[:20]), Settings(margin=0.1))["pairs"][0]["verdict"] == "undecided"
    assert conclude(evidence(level), Settings(margin=0.1))["pairs"][0]["verdict"] == "equivalent"


def test_repeats_measure_the_rater_and_are_no_verdicts() -> None:
    rows = [verdict(n, "a", left="a") for n in range(10)]
    again = [verdict(n, "a" if n < 4 else "b", left="b", repeat=True) for n in range(5)]
    found = conclude(evidence(rows + again), Settings())
    assert found["counts"]["verdicts"] == 10 and found["counts"]["repeats"] == 5
    assert found["pairs"][0]["win"]["value"] == 1.0
    assert found["repeats"]["value"] == 0.8 and found["repeats"]["same_side_twice"] == 1, (
        "who chose left twice chose a side"
    )


def test_side_bias_is_found_whatever_the_systems_are() -> None:
    rows = [verdict(n, "a" if n % 2 else "b", left="a" if n % 2 else "b") for n in range(40)]
    found = conclude(evidence(rows), Settings())
    assert found["side"]["value"] == 1.0 and found["side"]["p"] < 1e-6 and found["pairs"][0]["verdict"] == "undecided"
    assert "a habit of the raters" in render(found)


def test_identical_answers_are_ties_unless_somebody_judged_them() -> None:
    alike = [Alike(str(n), str(n), "x", "y") for n in range(6)] * 2
    found = conclude(evidence([verdict(n, "b") for n in range(4)], alike=alike), Settings())
    (pair,) = found["pairs"]
    assert (pair["n"], pair["identical"], pair["win"]["value"]) == (6, 2, pytest.approx(4 / 6)) and found["counts"][
        "raters"
    ] == 1


def test_ratings_become_preferences_of_the_same_rater() -> None:
    rows = [
        Rating(str(n), str(n), system, rater, value, "overall", False)
        for n in range(12)
        for rater in ("p", "q")
        for system, value in (("x", 3 + n % 2), ("y", 4 + (n % 3 > 0)))
    ]
    found = conclude(Evidence({"x": "x", "y": "y"}, ratings=rows), Settings())
    means = {one["system"]: one["value"] for one in found["ratings"]["overall"]["means"]}
    assert means == pytest.approx({"x": 3.5, "y": 4 + 2 / 3}) and found["pairs"][0]["verdict"] == "better"
    assert found["ratings"]["overall"]["agreement"]["krippendorff"]["interval"]["value"] == 1.0


def test_metrics_against_people() -> None:
    rows = [verdict(n, "ab"[n % 2]) for n in range(30)]
    right = {"x": {str(n): float(n % 2 == 0) for n in range(30)}, "y": {str(n): float(n % 2) for n in range(30)}}
    coin = {"x": dict.fromkeys(map(str, range(30)), 1.0), "y": dict.fromkeys(map(str, range(30)), 1.0)}
    found = conclude(
        evidence(rows, metrics={"coin": (True, coin), "right": (True, right), "wrong": (False, right)}),
        Settings(resamples=200),
    )
    values = {one["metric"]: one["accuracy"]["value"] for one in found["metrics"]}
    assert values == {"right": 1.0, "coin": 0.5, "wrong": 0.0} and [one["metric"] for one in found["metrics"]] == [
        "right",
        "coin",
        "wrong",
    ]
    assert next(one for one in found["metrics"] if one["metric"] == "right")["kendall"]["value"] == 1.0


def test_a_judge_who_prefers_what_stands_first(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    text = HEAD + "".join(f"\n{n},x,y,r,{'ab'[n % 2]}" for n in range(20))
    judge = tmp_path / "judge.jsonl"
    lines = [
        {"example_id": str(n), "system_a": "x", "system_b": "y", "choice": choice, "order": order}
        for n in range(20)
        for choice, order in (("a", "ab"), ("b", "ba"))
    ]
    judge.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    status, out, _ = stats(tmp_path, text, capsys, "--judge", str(judge), "--json")
    (found,) = json.loads(out)["judges"]
    assert status == 0 and found["position"]["value"] == 1.0 and found["consistent_over_orders"]["value"] == 0.0
    assert found["accuracy"]["value"] == 0.5 and found["kappa"] == pytest.approx(0.0)
    judge.write_text("{}\n", encoding="utf-8")
    assert stats(tmp_path, text, capsys, "--judge", str(judge))[0] == 1


def test_a_csv_of_any_making(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    text = (
        HEAD.replace(",", ";") + ";presented_left;mood\n1;x;y;anna;A;x;ok\n2;y;x;anna; b"
        " ;b;\n3;x;y;;a;a;\n4;x;x;anna;a;a;\n5;x;y;anna;left;a;\n6;x;y;anna;both bad;z;\n7;x;y;Bob;TIE;y;\n"
    )
    status, out, _ = stats(tmp_path, text, capsys, "--json")
    found = json.loads(out)
    assert status == 0 and found["counts"]["verdicts"] == 3 and len(found["problems"]) == 4
    assert all(
        f"row {row}: column {column}" in problem
        for problem, row, column in zip(
            found["problems"], (4, 5, 6, 7), ("rater", "system_b", "choice", "presented_left"), strict=True
        )
    )
    assert found["pairs"][0]["loss"]["value"] == pytest.approx(2 / 3), "turned rows are turned back"
    status, out, _ = stats(tmp_path, text, capsys)
    assert "not used: 4" in out and "Allowed: a, b, tie, both_bad" in out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("example_id,system_a,system_b,rater\n1,x,y,r\n", "has no column choice"),
        (HEAD + "\n", "holds no row that can be used"),
        (HEAD + "\n1,x,y,r,maybe\n", "'maybe' is none of them"),
    ],
)
def test_a_csv_that_says_nothing_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture, text: str, said: str
) -> None:
    status, _, error = stats(tmp_path, text, capsys)
    assert status == 1 and said in error and error.count("\n") == 1


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from([("x", "y"), ("y", "z"), ("x", "z")]),
            st.sampled_from("pq"),
            st.sampled_from(["a", "b", "tie", "both_bad"]),
        ),
        min_size=1,
        max_size=25,
    ),
    st.randoms(),
)
def test_order_of_rows_and_of_systems_within_rows_changes_nothing(rows: list, random) -> None:
    rows = list(
        {(example, pair, rater): (example, pair, rater, choice) for example, pair, rater, choice in rows}.values()
    )

    def told(given: list) -> dict:
        made = Evidence(
            {"x": "x", "y": "y", "z": "z"},
            verdicts=[
                Verdict(str(e), str(e), *pair, rater, choice, None, "overall", False)
                for e, pair, rater, choice in given
            ],
        )
        return conclude(made, Settings(resamples=50))

    one, other = told(rows), told(random.sample(rows, len(rows)))
    for name in ("pairs", "ranking", "bradley_terry", "counts"):
        assert json.dumps(_rounded(one[name])) == json.dumps(_rounded(other[name]))
    assert render(one)
    json.dumps(one, allow_nan=False)


def _rounded(value):
    if isinstance(value, float):
        return round(value, 6) + 0.0
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, (list, tuple)) else value
