"""How numbers read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.text.numbers import (
    UNKNOWN,
    count,
    duration,
    figure,
    milliseconds,
    money,
    p_value,
    places,
    share,
    signed,
    size,
)


@pytest.mark.parametrize(
    ("usd", "said"),
    [
        (0, "$0"),
        (1e-7, "under $0.000001"),
        (0.000123, "$0.00012"),
        (0.003, "$0.0030"),
        (0.0816, "$0.0816"),
        (0.01, "$0.01"),
        (0.5, "$0.50"),
        (0.1234, "$0.123"),
        (0.9996, "$1.00"),
        (12.5, "$12.50"),
        (999.99, "$999.99"),
        (1234.56, "$1,235"),
    ],
)
def test_money(usd: float, said: str) -> None:
    assert money(usd) == said


@given(st.floats(0, 1e12))
def test_an_amount_is_close_to_what_it_says_and_never_none_where_there_is_some(usd: float) -> None:
    said = money(usd)
    if said.startswith("under"):
        assert 0 < usd < 1e-6
    else:
        assert re.fullmatch(r"\$[\d,]+(\.\d\d+)?", said)
        assert float(said[1:].replace(",", "")) == pytest.approx(usd, rel=0.06)


def test_durations() -> None:
    said = ["0.4 s", "99.0 s", "200 s", "25 min", "2.1 h"]
    assert [duration(seconds) for seconds in (0.4, 99, 200, 1500, 7500)] == said


def test_bytes() -> None:
    said = ["999 B", "1.5 kB", "1 MB", "31.4 MB", "14.2 GB", "3 TB", "1234 TB"]
    found = [size(count) for count in (999, 1500, 999_960, 31.4e6, 14.2e9, 3e12, 1234e12)]
    assert found == said


def test_what_is_unknown_is_not_zero() -> None:
    assert {words(None) for words in (money, duration, size, count, milliseconds)} == {UNKNOWN}
    assert figure(None, None, None, 3) == UNKNOWN


def test_figures_and_counts() -> None:
    assert figure(0.8123, 0.79, 0.834, 3) == "0.812 [0.790, 0.834]"
    assert figure(0.8123, 0.79, 0.834, 3, limits=False) == figure(0.8123, None, None, 3) == "0.812"
    assert [places(largest) for largest in (1, 55.0, 2500)] == [3, 2, 0]
    assert [signed(value, 2) for value in (0.1, -0.1, -0.001)] == ["+0.10", "\u22120.10", "0.00"]
    assert [count(number) for number in (1234, 1.2e6)] == ["1,234", "1.2 million"]
    assert [p_value(p) for p in (0.0001, 0.0344)] == ["< 0.001", "0.034"] and milliseconds(1234.5) == "1,234 ms"


@pytest.mark.parametrize(
    ("part", "said"), [(0.0, "0.0%"), (0.00022, "0.022%"), (0.0099, "0.99%"), (0.0247, "2.5%"), (1.0, "100.0%")]
)
def test_a_small_share_is_never_shown_as_none(part: float, said: str) -> None:
    assert share(part) == said
