"""What fits under a budget: never more than the cap, the cheapest first, shared stages once, unknown costs not
at all.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.cost.budget import LOAD, BudgetGuard, choose, loads_apart


def test_the_cheapest_first_and_shared_stages_once() -> None:
    cells = {
        "dear": ["data", "train", "a"],
        "base": ["data", "b"],
        "rider": ["data", "train", "c"],
        "last": ["data", "big"],
    }
    price = {
        "data": (1.0, 0.0),
        "train": (3600.0, 4.0),
        "a": (60.0, 0.2),
        "b": (60.0, 0.1),
        "c": (60.0, 0.1),
        "big": (9e4, 50.0),
    }
    found = choose(cells, price, (), 5.0, None)
    assert found.order == ("base", "rider", "dear") and abs(found.usd - 4.4) < 1e-9
    assert "would come to $54.40 of budget.usd=5" in found.skipped["last"]
    assert choose(cells, price, ("train",), 0.5, None).order == ("base", "rider", "dear")


def test_31_a_cell_of_unknown_cost_is_skipped_with_that_reason() -> None:
    found = choose({"known": ["a"], "unknown": ["b"]}, {"a": (1.0, 1.0), "b": (5.0, None)}, (), 10.0, None)
    assert found.order == ("known",) and "not forecast" in found.skipped["unknown"]
    assert choose({"unknown": ["b"]}, {"b": (5.0, None)}, (), None, 1.0).order == ("unknown",)  # hours are known


def test_a_budget_guard_counts_what_was_measured_what_runs_and_what_is_next() -> None:
    guard = BudgetGuard({"next": (100.0, 1.0), "running": (100.0, 1.0)}, {"done": 3.6}, 3.0, None)
    assert guard.refuses("next", {"done": 500.0}, ["running"]) is None  # 0.5 + 1 + 1
    assert "would come to $3.50" in guard.refuses("next", {"done": 1500.0}, ["running"])
    assert "hours" in BudgetGuard({"next": (3600.0, None)}, {}, None, 0.5).refuses("next", {}, [])


def test_a_model_that_is_there_is_not_loaded_again() -> None:
    made = {"stages": {key: {"h": {"load_seconds": 40.0}} for key in ("train", "ask", "other")}}
    cells = {"a": ("h", ["train", "ask"]), "b": ("h", ["other"])}
    price = {"train": (100.0, 1.0), "ask": (50.0, 0.5), "other": (60.0, None)}
    held = {"train": "base", "ask": "base", "other": "big"}
    apart = loads_apart(price, made, cells, held)
    assert apart == {
        "train": (60.0, 0.6),
        "ask": (10.0, pytest.approx(0.1)),
        "other": (20.0, None),
        LOAD + "base": (40.0, 0.4),
        LOAD + "big": (40.0, None),
    }
    guard = BudgetGuard(apart, {"train": 36.0}, 2.0, None, held)
    assert guard.refuses("ask", {"train": 150.0}, []) is None  # 1.5 and 0.1
    assert "would come to $2.00" in BudgetGuard(apart, {"train": 36.0}, 1.9, None, {**held, "later": "big"}).refuses(
        "ask", {"train": 150.0, "later": 0.1}, []
    )  # "big" took its place
    assert "would come to $1.10" in BudgetGuard(apart, {}, 1.0, None, held).refuses(
        "ask", {}, ["train"]
    )  # 0.6, 0.1 and one load


keys = st.sampled_from([f"s{index}" for index in range(8)])


@given(
    st.dictionaries(
        st.text("abc", min_size=1, max_size=3), st.lists(keys, min_size=1, unique=True), min_size=1, max_size=6
    ),
    st.dictionaries(keys, st.floats(0, 10)),
    st.floats(0.1, 30),
)
def test_what_is_chosen_never_exceeds_the_cap(cells, money, cap) -> None:
    price = {f"s{index}": (1.0, money.get(f"s{index}")) for index in range(8)}
    found = choose(cells, price, (), cap, None)
    used = {key for cell in found.order for key in cells[cell]}
    assert all(price[key][1] is not None for key in used)
    assert sum(price[key][1] for key in used) <= cap * (1 + 1e-9)
    assert set(found.order) | set(found.skipped) == set(cells) and not set(found.order) & set(found.skipped)
