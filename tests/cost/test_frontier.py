"""The frontier under uncertainty: nothing leaves it without proof, and constraints are kept or said not to be."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from ftbench.cost import frontier as own
from ftbench.cost.frontier import NON_INFERIOR, limits, mark_frontier, recommend, verdict_of
from ftbench.stats import paired

VERDICTS = {
    ("A", "B"): "undecided",
    ("A", "C"): "not better",
    ("B", "C"): "undecided",
    ("A", "D"): "better",
    ("B", "D"): "better",
    ("C", "D"): "better",
}
COSTS = {"A": 0.40, "B": 0.30, "C": 0.35, "D": 0.10}


def test_the_words_are_those_of_the_statistics() -> None:
    assert {own.BETTER, own.WORSE, own.EQUIVALENT, own.NOT_WORSE, own.NOT_BETTER, "undecided"} == set(paired.VERDICTS)


def test_the_example_of_the_page() -> None:
    found = {place.name: place for place in mark_frontier(COSTS, VERDICTS)}
    assert [name for name, place in found.items() if place.on_frontier] == ["B", "C", "D"]
    assert found["A"].beaten_by == "C"
    assert found["B"].undecided == ("C",) and found["C"].undecided == ("B",) and found["D"].undecided == ()
    advice = recommend(["A", "B", "C", "D"], COSTS, VERDICTS, lambda name: True)
    assert (advice.choice, advice.best, advice.undecided) == ("C", "A", ("B",))


def test_26_a_gap_that_is_not_significant_drives_nothing_out() -> None:
    found = mark_frontier({"dear": 10.0, "cheap": 1.0}, {("dear", "cheap"): "undecided"})
    assert all(place.on_frontier for place in found)
    assert (
        recommend(
            ["dear", "cheap"], {"dear": 10.0, "cheap": 1.0}, {("dear", "cheap"): "undecided"}, lambda name: True
        ).choice
        == "dear"
    )


def test_at_the_same_cost_only_the_better_one_stays() -> None:
    found = mark_frontier(
        {"a": 1.0, "b": 1.0, "c": 1.0}, {("a", "b"): "better", ("a", "c"): "equivalent", ("b", "c"): "undecided"}
    )
    assert [place.name for place in found if place.on_frontier] == ["a", "c"]


def test_a_constraint_of_unknown_value_is_neither_kept_nor_broken() -> None:
    found = limits({"p95_ms": 500, "peak_gb": 24, "usd_per_1k": None}, {"p95_ms": 700.0})
    assert [(limit.name, limit.kept) for limit in found] == [("p95_ms", False), ("peak_gb", None)]
    nothing = recommend(["a"], {"a": 1.0}, {}, lambda name: False)
    assert nothing.choice is None and nothing.excluded == ("a",)


@st.composite
def worlds(draw):
    names = [f"c{index}" for index in range(draw(st.integers(1, 6)))]
    costs = {name: draw(st.none() | st.sampled_from([0.5, 1.0, 1.5]) | st.floats(0, 10)) for name in names}
    verdicts = {pair: draw(st.sampled_from(paired.VERDICTS)) for pair in combinations(names, 2)}
    return names, costs, verdicts


@given(worlds())
def test_26_an_undecided_pair_is_never_dropped_for_each_other(world) -> None:
    names, costs, verdicts = world
    for place in mark_frontier(costs, verdicts):
        if place.on_frontier:
            continue
        assert verdict_of(verdicts, place.beaten_by, place.name) in NON_INFERIOR
        assert costs[place.beaten_by] <= costs[place.name]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=6))
def test_26_where_nothing_is_decided_everything_stays(prices) -> None:
    costs = {f"c{index}": price for index, price in enumerate(prices)}
    found = mark_frontier(costs, dict.fromkeys(combinations(costs, 2), "undecided"))
    assert all(place.on_frontier for place in found)
    assert all(set(place.undecided) == set(costs) - {place.name} for place in found)


@given(worlds())
def test_31_an_unknown_cost_neither_leaves_nor_drives_out(world) -> None:
    names, costs, verdicts = world
    for place in mark_frontier(costs, verdicts):
        if costs[place.name] is None:
            assert place.on_frontier
        if place.beaten_by is not None:
            assert costs[place.beaten_by] is not None


@given(worlds())
def test_what_is_recommended_is_shown_to_be_as_good_and_no_dearer(world) -> None:
    names, costs, verdicts = world
    advice = recommend(names, costs, verdicts, lambda name: name != "c0")
    assert advice.choice != "c0" and advice.excluded == ("c0",)
    if advice.choice is not None and advice.choice != advice.best:
        assert (
            verdict_of(verdicts, advice.choice, advice.best) in NON_INFERIOR
            and costs[advice.choice] <= costs[advice.best]
        )
