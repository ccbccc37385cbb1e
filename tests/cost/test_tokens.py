"""What tokens cost where somebody else serves the model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.cost.bill import bill
from ftbench.cost.tokens import TokenPrice
from tests.cost.test_bill import hardware, receipt

PRICE = TokenPrice(2.0, 0.5, 8.0, "2025-04-14", "a list")
COUNTS = st.integers(0, 10**9)


@given(COUNTS, COUNTS, COUNTS)
def test_dollars_are_linear_in_tokens_and_cached_ones_have_their_own_price(prompt, cached, completion):
    cached = min(cached, prompt)
    found = PRICE.usd({"prompt": prompt, "cached_prompt": cached, "completion": completion})
    assert found == pytest.approx((2.0 * (prompt - cached) + 0.5 * cached + 8.0 * completion) / 1e6)


@pytest.mark.parametrize("unknown", ["input", "cached_input", "output"])
def test_31_an_unknown_price_per_token_is_unknown_dollars_where_such_tokens_were_used(unknown):
    price = replace(PRICE, **{unknown: None})
    assert price.usd({"prompt": 10, "cached_prompt": 4, "completion": 2}) is None
    assert price.usd({"prompt": 0, "cached_prompt": 0, "completion": 0}) == 0
    assert replace(PRICE, cached_input=None).usd({"prompt": 10, "completion": 2}) == pytest.approx(36e-6)
    assert PRICE.usd({"prompt": 10}) is None


def test_32_a_hosted_model_is_billed_by_the_token_and_its_index_by_the_hour():
    asked = replace(
        receipt(device="cpu", work=8.0, tokens={"prompt": 1000, "cached_prompt": 200, "completion": 100}),
        details={"answered": 50, "answered_before": 0},
    )
    found = bill(hardware(), [], asked, 50, 0.0, [receipt("index", work=3600.0)], PRICE)
    assert found.usd_per_1k_requests == pytest.approx(1000 / 50 * (800 * 2 + 200 * 0.5 + 100 * 8) / 1e6)
    assert found.index_usd == pytest.approx(3.6) and found.seconds_per_1k_requests == 160.0
    assert (
        "per token: $2 input, $0.5 cached input, $8 output per million tokens (a list, 2025-04-14)" in found.price_basis
    )
    assert bill(hardware(), [], replace(asked, details={"answered": 0}), 0, 0.0, (), PRICE).usd_per_1k_requests is None


def test_30_an_attempt_that_went_on_from_an_earlier_one_has_no_pace_of_its_own():
    asked = replace(
        receipt(device="cpu", work=8.0, tokens={"prompt": 1000, "completion": 100}),
        details={"answered": 50, "answered_before": 30},
    )
    assert bill(hardware(), [], asked, 20, 0.0, (), PRICE).tokens_per_second is None
