"""A preference has the winner's numbers, and agreement does not depend on which system stands first (mistake 43)."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata

from ftbench.analysis.reviewed import as_dict, read_review
from ftbench.cli.main import main
from ftbench.data.outside import rows_of
from ftbench.report.draw.review import review
from ftbench.report.view.review import ReviewPage
from ftbench.review.compared import Settings
from ftbench.review.conclusions import conclude
from ftbench.review.evidence import Evidence, Rating, Verdict
from ftbench.review.read_judge import read_judge
from ftbench.review.read_verdicts import read_verdicts
from ftbench.review.show import render
from tests.review.test_conclusions import evidence, verdict

HEAD = ("example_id", "system_a", "system_b", "rater", "choice")
TURNED = {"a": "b", "b": "a", "tie": "tie", "both_bad": "both_bad"}
Row = tuple[str, str, str, str, str]
"""Example, two systems, rater, choice (``a`` is the first system)."""
FEW = Settings(resamples=60)


def lopsided(choice: str, n: int = 20) -> dict:
    """Returns the conclusions of ``n`` verdicts alike on ``old`` (the baseline) and ``new``; ``a`` prefers ``old``."""
    return conclude(evidence([verdict(number, choice, first="old", second="new") for number in range(n)]), Settings())


@pytest.mark.parametrize(("choice", "winner", "loser"), [("a", "old", "new"), ("b", "new", "old")])
def test_43_the_winners_win_rate_stands_beside_the_winners_name(choice: str, winner: str, loser: str) -> None:
    found = lopsided(choice)
    (sentence,) = [line for line in render(found).splitlines() if line.startswith("People prefer")]
    assert f"People prefer {winner} to {loser}: win rate 1.00 [" in sentence and "sign test 20 to 0" in sentence
    low, high = map(float, re.search(r"\[([\d.]+), ([\d.]+)\]", sentence).groups())
    assert 0.8 < low < high == 1.0
    for pairs in (found["pairs"], as_dict(found)["pairs"]):
        (pair,) = pairs
        assert (pair["first"], pair["second"], pair["verdict"]) == (winner, loser, "better")
        assert (pair["win"]["value"], pair["loss"]["value"], pair["win_rate"]["value"]) == (1.0, 0.0, 1.0)
        assert pair["win_rate"]["low"] > 0.8 and (pair["sign_test"]["positive"], pair["sign_test"]["negative"]) == (
            20,
            0,
        )
    drawn = review(ReviewPage(found, 20, (), None))
    assert f"People prefer {winner} to {loser}: win rate 1.00 [" in drawn
    assert f"{winner} <small>against</small> {loser}" in drawn and ">better<" in drawn and ">worse<" not in drawn


def test_43_conclusions_of_an_earlier_version_are_turned_when_they_are_read(tmp_path: Path) -> None:
    earlier = {
        "first": "new",
        "second": "old",
        "n": 10,
        "clusters": 10,
        "family": 1,
        "margin": None,
        "verdict": "worse",
        "win": {"value": 0.1, "low": 0.0, "high": 0.4},
        "tie": {"value": 0.0, "low": 0.0, "high": 0.3},
        "both_bad": {"value": 0.0, "low": 0.0, "high": 0.3},
        "loss": {"value": 0.9, "low": 0.6, "high": 1.0},
        "win_rate": {"value": 0.1, "low": 0.02, "high": 0.4},
        "sign_test": {"positive": 1, "negative": 9, "p": 0.02, "p_adjusted": 0.02},
    }
    (tmp_path / "review").mkdir()
    stored = {**lopsided("a"), "pairs": [earlier]}
    (tmp_path / "review" / "conclusions.json").write_text(json.dumps(stored), encoding="utf-8")
    (pair,) = read_review(tmp_path, {"old", "new"})["pairs"]
    assert (pair["first"], pair["second"], pair["verdict"]) == ("old", "new", "better")
    assert (
        pair["win_rate"] == pytest.approx({"value": 0.9, "low": 0.6, "high": 0.98})
        and pair["win"]["value"] == 0.9
        and pair["loss"]["value"] == 0.1
    )
    assert (pair["sign_test"]["positive"], pair["sign_test"]["negative"]) == (9, 1)
    assert "People prefer old to new: win rate 0.90 [0.60, 0.98]" in review(ReviewPage(stored, 1, (), None))


def test_43_nobody_is_preferred_where_test_and_win_rate_point_apart() -> None:
    """Nine small clusters prefer the new system; one large one prefers the old, and with it most comparisons."""
    rows = [verdict(n, "b", first="old", second="new") for n in range(12)]
    rows += [verdict(100 + n, "a", first="old", second="new", cluster="large") for n in range(60)]
    (pair,) = conclude(evidence(rows), Settings())["pairs"]
    assert pair["sign_test"]["p"] < 0.05 and (pair["sign_test"]["positive"], pair["sign_test"]["negative"]) == (12, 1)
    assert pair["win_rate"]["value"] == pytest.approx(12 / 72) and pair["verdict"] == "undecided"
    assert pair["win_rate"]["low"] <= 0.5 <= pair["win_rate"]["high"]


rows_of_verdicts = st.lists(
    st.tuples(
        st.integers(0, 6).map(lambda number: f"e{number}"),
        st.sampled_from(list(combinations(("p", "q", "r", "s"), 2))),
        st.sampled_from(("ann", "bob", "cat")),
        st.sampled_from(("a", "b", "tie", "both_bad")),
    ),
    min_size=2,
    max_size=40,
).map(
    lambda rows: [
        (example, *pair, rater, choice) for (example, pair, rater), choice in {row[:3]: row[3] for row in rows}.items()
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows_of_verdicts, st.randoms(use_true_random=False))
def test_43_no_order_and_no_name_changes_agreement(tmp_path: Path, rows: list[Row], random) -> None:
    """Rows shuffled, raters renamed, systems renamed, and the two systems of a row exchanged with its choice."""
    raters = dict(zip(("ann", "bob", "cat"), random.sample(("x1", "x2", "x3"), 3), strict=True))
    systems = dict(zip(("p", "q", "r", "s"), random.sample(("s", "t", "u", "p"), 4), strict=True))
    other = [
        (example, systems[first], systems[second], raters[rater], choice)
        for example, first, second, rater, choice in random.sample(rows, len(rows))
    ]
    other = [
        (e, second, first, rater, TURNED[choice]) if random.random() < 0.5 else (e, first, second, rater, choice)
        for e, first, second, rater, choice in other
    ]
    _alike(figures(tmp_path, rows, {}, {}), figures(tmp_path, other, raters, systems))


def test_43_agreement_of_many_systems_is_the_same_for_240_rows_in_any_order(tmp_path: Path) -> None:
    """The better of two systems wins nine times of ten: whether the better ones stand first must not matter."""
    draw = np.random.default_rng(5)
    names = [f"m{number}" for number in range(8)]
    rows: list[Row] = []
    for number in range(80):
        better, worse = sorted(draw.choice(8, size=2, replace=False))
        for rater in ("ann", "bob", "cat"):
            rows.append((f"e{number}", names[better], names[worse], rater, "a" if draw.random() < 0.9 else "b"))
    # the same rows with other systems met first: by the order of rows, and by which system stands in which column
    backwards = sorted(rows, key=lambda row: row[1:3], reverse=True)
    swapped = [(example, second, first, rater, TURNED[choice]) for example, first, second, rater, choice in rows]
    dealt = [row if draw.random() < 0.5 else swapped[place] for place, row in enumerate(rows)]
    first, *others = (figures(tmp_path, one, {}, {}) for one in (rows, backwards, swapped, dealt))
    assert first["krippendorff"]["nominal"]["value"] == pytest.approx(
        doubled_alpha(units_of(rows), "nominal"), abs=1e-12
    )
    for other in others:
        _alike(first, other)


def figures(folder: Path, rows: Sequence[Row], raters: dict[str, str], systems: dict[str, str]) -> dict:
    """Returns every figure of agreement of a file of verdicts, by the names before raters and systems were renamed."""
    path = folder / "verdicts.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEAD, *rows])
    made = read_verdicts(path)
    judge = folder / "judge.jsonl"
    own, back = {new: old for old, new in raters.items()}, {new: old for old, new in systems.items()}
    score = {name: ord(back.get(name, name)[-1]) for name in made.systems}
    # a judge and a metric that know nothing of order: the judge prefers the later letter, the metric does so in part
    said = [
        {
            "example_id": e,
            "system_a": one,
            "system_b": two,
            "choice": "a" if score[one] > score[two] else "b",
            "order": "ab",
        }
        for e, one, two, _, _ in rows
    ]
    judge.write_text("".join(json.dumps(line) + "\n" for line in said), encoding="utf-8")
    read_judge("judge", rows_of(judge), made)
    examples = {row[0] for row in rows}
    made.metrics = {
        "m": (
            True,
            {
                name: {example: float((score[name] * (3 + int(example[1:]))) % 7) for example in examples}
                for name in made.systems
            },
        )
    }
    found = conclude(made, FEW)
    agreed, (metric,), (judged,) = found["agreement"], found["metrics"], found["judges"]
    return {
        "krippendorff": agreed["krippendorff"],
        "fleiss": agreed["fleiss"],
        "cohen": {
            frozenset(own.get(one[side], one[side]) for side in ("first", "second")): (
                one["value"],
                one["agreement"],
                one["units"],
            )
            for one in agreed["cohen"]
        },
        "raters": {
            own.get(one["rater"], one["rater"]): (one["verdicts"], one["agreement"], one["kappa"])
            for one in agreed["raters"]
        },
        "metric": metric,
        "judge": {name: judged[name] for name in ("n", "verdicts", "accuracy", "kappa")},
    }


def _alike(one: object, other: object) -> None:
    if isinstance(one, dict):
        assert isinstance(other, dict) and one.keys() == other.keys()
        for key in one:
            _alike(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for mine, theirs in zip(one, other, strict=True):
            _alike(mine, theirs)
    elif isinstance(one, float) and isinstance(other, float):
        assert one == pytest.approx(other, abs=1e-12, rel=0)
    else:
        assert one == other


# Reference values, counted out: every verdict stands beside its mirror image (systems exchanged, choice turned).


def units_of(rows: Sequence[Row]) -> dict[tuple[str, str, str], dict[str, str]]:
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for example, first, second, rater, choice in rows:
        found.setdefault((example, first, second), {})[rater] = choice
    return found


def doubled_alpha(units: dict, level: str) -> float:
    """Returns alpha by its definition over pairs of values: each unit beside its mirror image, n that of the units."""
    number = (
        {"a": 1.0, "b": -1.0, "tie": 0.0, "both_bad": 0.0}
        if level != "nominal"
        else {"a": 1.0, "b": -1.0, "tie": 0.0, "both_bad": 9.0}
    )
    own = [[number[choice] for choice in said.values()] for said in units.values() if len(said) > 1]
    mirror = [[number[TURNED[choice]] for choice in said.values()] for said in units.values() if len(said) > 1]
    values = [value for unit in own + mirror for value in unit]

    def distance(one: float, other: float) -> float:
        if level == "nominal":
            return float(one != other)
        if level == "interval":
            return (one - other) ** 2
        low, high = sorted((one, other))
        between = sum(low <= value <= high for value in values) / 2  # in the mass of the units alone
        return (between - (values.count(low) + values.count(high)) / 4) ** 2

    observed = (
        sum(
            distance(one, other) / (len(unit) - 1)
            for unit in own + mirror
            for i, one in enumerate(unit)
            for j, other in enumerate(unit)
            if i != j
        )
        / 2
    )
    expected = sum(distance(one, other) for one in values for other in values) / 4
    n = len(values) / 2
    return 1 - (n - 1) * observed / expected


def doubled_kappa(one: Sequence[str], other: Sequence[str]) -> float:
    ours, theirs = [*one, *(TURNED[choice] for choice in one)], [*other, *(TURNED[choice] for choice in other)]
    observed = np.mean([a == b for a, b in zip(ours, theirs, strict=True)])
    expected = np.mean([a == b for a in ours for b in theirs])
    return float((observed - expected) / (1 - expected))


def doubled_fleiss(units: Sequence[Sequence[str]]) -> float:
    every = [*units, *([TURNED[choice] for choice in unit] for unit in units)]
    observed = np.mean(
        [np.mean([a == b for i, a in enumerate(unit) for j, b in enumerate(unit) if i != j]) for unit in every]
    )
    whole = [choice for unit in every for choice in unit]
    expected = np.mean([a == b for a in whole for b in whole])
    return float((observed - expected) / (1 - expected))


def test_43_values_of_the_coefficients_with_mirror_images() -> None:
    draw = np.random.default_rng(11)
    rows = [
        (f"e{number}", "x", "y", rater, str(draw.choice(["a", "b", "tie", "both_bad"], p=[0.6, 0.15, 0.15, 0.1])))
        for number in range(30)
        for rater in ("ann", "bob", "cat")
        if number < 20 or draw.random() < 0.7
    ]
    units = units_of(rows)
    found = conclude(
        evidence(
            [
                Verdict(e, e, first, second, rater, choice, None, "overall", False)
                for e, first, second, rater, choice in rows
            ]
        ),
        FEW,
    )["agreement"]
    for level in ("nominal", "ordinal", "interval"):
        assert found["krippendorff"][level]["value"] == pytest.approx(doubled_alpha(units, level), abs=1e-12)
        assert (
            found["krippendorff"][level]["low"]
            < found["krippendorff"][level]["value"]
            < found["krippendorff"][level]["high"]
        )
    for one in found["cohen"]:
        both = [
            (said[one["first"]], said[one["second"]])
            for said in units.values()
            if one["first"] in said and one["second"] in said
        ]
        assert one["value"] == pytest.approx(doubled_kappa(*zip(*both, strict=True)), abs=1e-12)
    assert found["fleiss"]["value"] == pytest.approx(
        doubled_fleiss([list(said.values()) for said in units.values() if len(said) == 3]), abs=1e-12
    )


def test_43_rank_correlations_count_each_comparison_from_both_sides() -> None:
    draw = np.random.default_rng(2)
    gaps, choices = (
        draw.integers(-3, 4, 40).astype(float),
        [str(one) for one in draw.choice(["a", "a", "b", "tie"], 40)],
    )
    values = {"x": {str(n): gap for n, gap in enumerate(gaps)}, "y": {str(n): 0.0 for n in range(40)}}
    (found,) = conclude(
        evidence([verdict(n, choice) for n, choice in enumerate(choices)], metrics={"m": (True, values)}), FEW
    )["metrics"]
    people = np.array([{"a": 1.0, "b": -1.0}.get(choice, 0.0) for choice in choices])
    both, theirs = np.concatenate([gaps, -gaps]), np.concatenate([people, -people])
    assert found["n"] == 40 and found["kendall"]["n"] == 40
    assert found["kendall"]["value"] == pytest.approx(kendalltau(both, theirs).statistic, abs=1e-12)
    assert found["spearman"]["value"] == pytest.approx(np.corrcoef(rankdata(both), rankdata(theirs))[0, 1], abs=1e-12)


def test_ratings_on_a_scale_have_no_mirror_image() -> None:
    """Krippendorff (2011), example C as ratings: alpha 0.743, 0.815 and 0.849 stay what they are."""
    coders = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
    rows = [
        Rating(str(place), str(place), system, f"r{rater}", float(value), "overall", False)
        for rater, text in enumerate(coders)
        for place, value in enumerate(text)
        for system in ("x",)
        if value != "."
    ]
    found = conclude(Evidence({"x": "x"}, ratings=rows), FEW)["ratings"]["overall"]["agreement"]["krippendorff"]
    assert [found[level]["value"] for level in ("nominal", "ordinal", "interval")] == pytest.approx(
        [0.743, 0.815, 0.849], abs=5e-4
    )


def test_the_command_tells_the_winner(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "verdicts.csv"
    path.write_text("\n".join([",".join(HEAD), *(f"{n},S1,S2,r,a" for n in range(20))]), encoding="utf-8")
    assert main(["review", "stats", str(path)]) == 0
    out = capsys.readouterr().out
    assert "People prefer S1 to S2: win rate 1.00 [" in out and "S1 against S2" in out
