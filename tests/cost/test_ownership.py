"""Total cost, break-even and returns: worked by hand in docs/decide.md, and what must hold for any numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.cost.break_even import break_even
from ftbench.cost.ownership import HOURS_PER_MONTH, Choice, Load, added, machines_for, ownership
from ftbench.cost.payback import returns
from tests.conftest import ROOT

LOAD = Load(months=12, requests_per_month=3e6, peak_rps=4.0, retrains_per_month=0.0)
API = Choice("api", 0.0, 0.0, 0.0, 0.0, 0.0, None, None, usd_per_request=0.0005)
LORA = Choice("lora", 150.0, 0.0, 0.0, 50.0, 0.0, 2.0, 5.0)


def said(*numbers: str) -> None:
    """The page says the numbers that this test checks."""
    text = (ROOT / "docs" / "decide.md").read_text(encoding="utf-8")
    assert all(number in text for number in numbers), numbers


def test_33_totals_of_the_worked_example() -> None:
    api, lora = ownership(API, LOAD), ownership(LORA, LOAD)
    assert (api.total_usd, lora.total_usd) == (pytest.approx(18_000), pytest.approx(17_720))
    assert lora.machines == 1 and lora.monthly_usd == 1460 and lora.utilisation == pytest.approx(0.228, abs=5e-4)
    assert api.machines is None and api.usd_per_1k_requests == pytest.approx(0.5)
    said("$18,000", "$17,720", "$1,460", "22.8%")


def test_33_break_even_of_the_worked_example_has_steps() -> None:
    found = break_even(API, LORA, LOAD)
    wanted = [2_953_333.3333, 3_750_000, 5_873_333.3333, 7_500_000, 8_793_333.3333, 11_250_000, 11_713_333.3333]
    assert found.volumes == pytest.approx(wanted)
    assert found.cheaper == ("api", "lora", "api", "lora", "api", "lora", "api", "lora")
    assert found.low is None and found.high is None
    said("2,953,333", "3,750,000", "5,873,333", "7,500,000", "8,793,333", "11,250,000", "11,713,333")


def test_intervals_of_the_worked_example() -> None:
    near = break_even(API, replace(LORA, requests_per_second_low=4.0, requests_per_second_high=6.0), LOAD)
    assert (near.low, near.high) == (pytest.approx(2_953_333.33), pytest.approx(2_953_333.33))
    far = break_even(API, replace(LORA, requests_per_second_low=3.0, requests_per_second_high=6.0), LOAD)
    assert (far.low, far.high) == (pytest.approx(2_953_333.33), None)
    assert break_even(API, replace(LORA, requests_per_second=3.0), LOAD).cheaper == ("api",)
    said("$17,520", "$13,500")


def test_payback_of_the_worked_example() -> None:
    found = returns(LORA, API, LOAD)
    assert (found.investment_usd, found.saving_usd_per_month) == (pytest.approx(200), pytest.approx(40))
    assert found.payback_months == pytest.approx(5) and found.roi == pytest.approx(1.4)
    never = returns(LORA, API, replace(LOAD, retrains_per_month=0.5))
    assert never.saving_usd_per_month == pytest.approx(-35) and never.payback_months is None
    said("5 months", "1.4 times")


def test_no_break_even_is_no_volume() -> None:
    dear = replace(API, name="dear", usd_per_request=0.001)
    found = break_even(API, dear, LOAD)
    assert found.volumes == () and found.cheaper == ("api",)
    same = break_even(API, replace(API, name="twin"), LOAD)
    assert same.volumes == () and same.cheaper == (None,)


def test_retraining_buys_training_and_index_and_nothing_else() -> None:
    choice = replace(LORA, index_usd=10.0, search_usd=500.0, labor_usd=1000.0)
    found = ownership(choice, replace(LOAD, retrains_per_month=2.0))
    assert found.retrain_usd == pytest.approx(12 * 2 * 160) and found.fixed_usd == pytest.approx(
        150 + 10 + 500 + 1000 + 50
    )


def test_a_peak_at_the_throughput_needs_no_second_machine() -> None:
    assert [machines_for(peak, 0.1) for peak in (0.0, 0.1, 0.1 * 3, 0.31)] == [1, 1, 3, 4]


def test_a_load_says_what_is_wrong_with_it() -> None:
    assert not LOAD.problems()
    assert "below the average" in Load(12, 3e6, 0.5, 0.0).problems()[0]
    assert len(Load(0, -1, 0.0, -1).problems()) == 4
    nan = float("nan")
    assert len(Load(nan, nan, nan, nan).problems()) == 4
    assert Load(12, 1e300, None, 0.0).problems() == ["requests_per_month is 1e+300, more than 1e+15"]
    assert len(Load(1e300, 1e300, 1e300, 1e300).problems()) == 4
    highest = Load(1200, 1e15, 1e12, 1e6)
    assert (
        not highest.problems()
        and break_even(API, LORA, highest).reason is None
        and ownership(LORA, highest).total_usd < float("inf")
    )


def test_a_choice_reads_back_from_what_a_sweep_holds() -> None:
    assert Choice.from_dict(LORA.as_dict()) == LORA


amount = st.floats(0, 1e5)
pace = st.floats(0.05, 500)
loads = st.builds(
    Load,
    months=st.floats(0.5, 60),
    requests_per_month=st.floats(0, 1e7),
    peak_rps=st.none() | st.floats(0.01, 100),
    retrains_per_month=st.floats(0, 5),
)
machines = st.builds(Choice, st.just("m"), amount, amount, amount, amount, amount, st.floats(0.01, 50), pace)
apis = st.builds(
    Choice,
    st.just("a"),
    amount,
    amount,
    amount,
    amount,
    amount,
    st.none(),
    st.none(),
    usd_per_request=st.floats(1e-6, 0.1),
)
PRICED = (
    "train_usd",
    "search_usd",
    "index_usd",
    "labeling_usd",
    "labor_usd",
    "machine_usd_per_hour",
    "requests_per_second",
)


@given(machines, loads, st.sampled_from(PRICED))
def test_31_one_unknown_price_leaves_no_total_and_no_zero(choice: Choice, load: Load, missing: str) -> None:
    found = ownership(replace(choice, **{missing: None}), load)
    assert found.total_usd is None
    assert break_even(replace(choice, **{missing: None}), replace(API, name="other"), load).reason is not None
    assert returns(replace(choice, **{missing: None}), API, load).roi is None


@given(machines, loads)
def test_33_idle_time_is_paid(choice: Choice, load: Load) -> None:
    found = ownership(choice, load)
    peak = load.peak_per_request * load.requests_per_month
    assert found.machines >= 1 and found.machines * choice.requests_per_second >= peak * (1 - 1e-9)
    assert found.serving_usd == pytest.approx(
        found.machines * choice.machine_usd_per_hour * HOURS_PER_MONTH * load.months
    )
    assert found.total_usd == pytest.approx(found.fixed_usd + found.retrain_usd + found.serving_usd)


@settings(max_examples=60)
@given(apis | machines, machines, loads, st.floats(0.001, 1))
def test_the_cheaper_one_between_break_evens_is_the_cheaper_one(
    first: Choice, second: Choice, load: Load, share: float
) -> None:
    second = replace(second, name="other")
    highest = 1e6
    found = break_even(first, second, load, highest)
    volume = share * highest
    if any(abs(volume - place) < 1e-6 * highest for place in found.volumes):
        return
    at = replace(load, requests_per_month=volume, peak_rps=load.peak_per_request * volume)
    totals = {choice.name: ownership(choice, at).total_usd for choice in (first, second)}
    if abs(totals[first.name] - totals["other"]) < 1e-6 * max(totals.values(), default=1):
        return
    piece = sum(place < volume for place in found.volumes)
    assert found.cheaper[piece] == min(totals, key=totals.get)


@given(st.lists(amount, max_size=5))
def test_31_a_sum_with_an_unknown_part_is_unknown(parts: list[float]) -> None:
    assert added(*parts) == pytest.approx(sum(parts))
    assert added(*parts, None) is None
