"""The space of a search and the order in which it is looked through."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.compile.space import CANDIDATES, Space, space_of, take_out
from ftbench.core.canonical import canonical

CONFIG = {
    "method": {"_target_": "x.M", "learning_rate": 2e-4, "rank": 16, "alpha": 32.0, "deep": {"size": 3}},
    "context": {"_target_": "x.C", "k": 4},
    "prompt": {},
    "decoding": {},
    "model": {"size": 1},
}
SIZES = st.lists(st.integers(1, 5), min_size=1, max_size=4)


def space(sizes: list[int]) -> Space:
    return Space({(f"method.{place}",): tuple((value,) for value in range(size)) for place, size in enumerate(sizes)})


@given(SIZES, st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_every_configuration_once_the_own_values_first(sizes: list[int], seed: int) -> None:
    found = list(space(sizes).order(seed))
    assert len({canonical(one) for one in found}) == len(found) == space(sizes).size
    assert set(found[0].values()) == {0}
    assert found == list(space(sizes).order(seed)), "a seed gives one order, so that a larger budget repeats nothing"


@given(SIZES, st.integers(1, 12), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_29_no_value_of_a_dimension_is_favoured(sizes: list[int], budget: int, seed: int) -> None:
    """Random draws would often try one learning rate four times and another never."""
    tried = list(islice(space(sizes).order(seed), budget))
    largest = max(sizes)
    counts = Counter(one[f"method.{sizes.index(largest)}"] for one in tried)
    if all(size in (1, largest) for size in sizes):
        assert max(counts.values()) - min(counts.get(value, 0) for value in range(largest)) <= 1 + (len(sizes) > 1)


def test_a_space_too_large_to_list_is_looked_through_without_repeating() -> None:
    large = space([40, 40, 40])
    assert large.size > CANDIDATES
    found = list(islice(large.order(0), 60))
    assert len({canonical(one) for one in found}) == 60 and set(found[0].values()) == {0}
    assert len({one["method.0"] for one in found[:40]}) == 40, "forty trials try each of forty values"


def made(
    own: dict[str, Any], wanted: dict[str, Any] | None = None, fixed: tuple[str, ...] = ()
) -> tuple[dict[str, Any], list[str]]:
    found, problems = space_of(CONFIG, own, wanted or {}, frozenset(fixed))
    return found.as_dict(), [f"{problem.where}: {problem.why}" for problem in problems]


def test_factors_are_of_the_cells_own_value() -> None:
    assert made({"method": {"learning_rate": {"times": [0.25, 1, 4]}, "rank": {"times": [0.5, 1, 2]}}}) == (
        {"method.learning_rate": [2e-4, 5e-5, 8e-4], "method.rank": [16, 8, 32]},
        [],
    )


def test_own_value_belongs_to_an_options_dimension_and_what_is_typed_replaces_it() -> None:
    own = {"method": {"rank,alpha": [[8, 16.0], [16, 32.0]], "deep.size": [5]}, "context": {"k": [1, 2]}}
    assert made(own)[0] == {
        "method.rank,method.alpha": [[16, 32.0], [8, 16.0]],
        "method.deep.size": [3, 5],
        "context.k": [4, 1, 2],
    }
    assert made(own, {"method": {"rank": [2, 4]}})[0] == {
        "method.deep.size": [3, 5],
        "method.rank": [2, 4],
        "context.k": [4, 1, 2],
    }
    assert made(own, {"method": {"rank": None, "deep.size": None}, "context": {"k": None}})[0] == {}
    assert made(own, fixed=("method.alpha", "context.k"))[0] == {"method.deep.size": [3, 5]}


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("rnk", [1], "this method has no rnk"),
        ("rank", 4, "4 is no list of values"),
        ("rank", [], "[] is no list of values"),
        ("rank", {"times": ["x"]}, "{'times': ['x']} is no {times: [factors]} of one number"),
        ("rank", {"by": [1]}, "{'by': [1]} is no {times: [factors]} of one number"),
        ("_target_", {"times": [1]}, "{'times': [1]} is no {times: [factors]} of one number"),
        ("rank,alpha", [[1, 2.0], [3]], "[[1, 2.0], [3]] does not give a value for each of method.rank, method.alpha"),
    ],
)
def test_bad_dimensions_are_told(name: str, values: Any, why: str) -> None:
    assert made({}, {"method": {name: values}})[1] == [f"effort.space.*.{name}: {why}"]


def test_what_is_typed_and_searched_at_once_is_refused() -> None:
    assert made({}, {"method": {"rank": [8]}}, fixed=("method.rank",))[1] == [
        "effort.space.*.rank: method.rank is typed and searched at once"
    ]


def test_spaces_are_taken_out_of_every_node() -> None:
    config = {
        "seed": 0,
        "method": {"rank": 1, "_search_": {"rank": [1]}, "over": {"rank": 2, "_search_": {}}},
        "model": {"_search_": 3},
    }
    assert take_out(config) == (
        {"seed": 0, "method": {"rank": 1, "over": {"rank": 2}}, "model": {"_search_": 3}},
        {"method": {"rank": [1]}},
    )
