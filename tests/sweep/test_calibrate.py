"""Calibration: known rates are found again from probes, and the command says what it cannot take."""

from __future__ import annotations

import random

import pytest

from ftbench.cli.main import main
from ftbench.core.receipt import Receipt
from ftbench.cost.fit_rates import Probe, errors, fit, rates
from ftbench.cost.speed import ADAPTER, GENERATE, QUANTISED_GENERATE, Rate, Rates, Work, data_sheet
from ftbench.sweep.calibrate import kinds_of_weights, work_seconds


def probes(rate: Rate, noise: float = 0.0):
    draw = random.Random(0)
    works = [Work(n, 400.0 * n, 1e8 * n * size, 0.0, size) for n in (4, 16) for size in (2, 16)]
    return [Probe(ADAPTER, vars(work), rate.seconds(work) * (1 + noise * draw.uniform(-1, 1))) for work in works]


def test_known_rates_are_found_again() -> None:
    rate = Rate(0.8, 1e-4, 2e-10, 0.0, 0.0, False)
    found = fit(probes(rate), overlap=False)[ADAPTER]
    assert (
        found.start == pytest.approx(0.8, rel=1e-3)
        and found.operation == pytest.approx(1e-4, rel=1e-3)
        and found.flop == pytest.approx(2e-10, rel=1e-3)
    )
    noisy = fit(probes(rate, 0.05), overlap=False)
    assert all(abs(one["fitted"] / one["seconds"] - 1) < 0.1 for one in errors(probes(rate), noisy))


def test_a_rate_is_never_negative() -> None:
    wild = [Probe(ADAPTER, vars(Work(1, 100.0 * n, 1e9 / n, 0.0, 1.0)), 1.0 + n % 2) for n in (1, 2, 3, 4)]
    found = fit(wild, overlap=False)[ADAPTER]
    assert min(found.start, found.operation, found.flop, found.row) >= 0


def test_where_launching_and_computing_overlap_the_larger_one_counts() -> None:
    rate = Rate(0.0, 1e-5, 1e-12, 0.0, 0.0, True)
    works = [Work(1, 1000.0, 1e6, 0.0, 0.0), Work(1, 1000.0, 1e12, 0.0, 0.0)]
    found = fit([Probe(ADAPTER, vars(work), rate.seconds(work)) for work in works], overlap=True)[ADAPTER]
    assert found.operation == pytest.approx(1e-5) and found.flop == pytest.approx(1e-12)
    assert found.seconds(Work(1, 2000.0, 1e11, 0.0, 0.0)) == pytest.approx(0.1)


def test_what_was_never_measured_has_no_rate() -> None:
    found = rates(
        probes(Rate(0.1, 1e-4, 1e-10, 0.0, 0.0, False)),
        [(2e9, 4.0)],
        {"score": [(1.0, 100), (0.5, 50)], "index": [(0.1, 0)]},
        overlap=False,
        basis="here",
    )
    assert (
        set(found.kinds) == {ADAPTER}
        and found.light == {"score": Rate(0.0, 0.0, 0.0, 0.0, pytest.approx(0.01), False)}
        and found.load_byte == 2e-9
        and found.calibrated
    )
    assert not data_sheet("h100", 989e12, 3.35e12).calibrated


def test_every_kind_of_weights_that_ships_is_probed() -> None:
    assert {"lora", "qlora", "full"} <= set(kinds_of_weights())


def test_30_a_forecast_is_about_work_alone() -> None:
    seconds = {"total": 20.0, "load": 4.0, "import": 3.0, "latency": 2.0, "work": 10.0}
    receipt = Receipt("k", "generate", 1, "done", "", seconds, 10.0, "cpu", 1, None, {}, {}, {}, {}, None)
    assert work_seconds(receipt) == pytest.approx(0.5 * 11.0)  # the process had the processor half of the time


def test_the_command_says_what_it_cannot_take(capsys) -> None:
    assert main(["calibrate", "tiny"]) == 1
    assert "takes overrides such as model=tiny" in capsys.readouterr().err


def test_a_stage_without_a_device_has_a_start_and_a_time_per_row() -> None:
    seen = [(0.2 + 0.01 * rows, rows) for rows in (10, 40, 100)] + [
        (5.0, 10),
        (0.3, 10),
    ]  # one that imported, and one undisturbed: the median counts
    (light,) = rates([], [], {"score": seen}, overlap=False, basis="here").light.values()
    assert light.seconds(Work(0.0, 0.0, 0.0, 0.0, 240.0)) == pytest.approx(2.6, rel=0.02)


def test_what_was_not_measured_in_4_bits_is_timed_as_without() -> None:
    rate = Rate(1.0, 0.0, 0.0, 0.0, 0.0, False)
    own = Rates({GENERATE: rate}, 0.0, 0.0, {}, True, "here")
    assert own.of(QUANTISED_GENERATE) is rate and own.of(ADAPTER) is None and own.of(None) is None
    assert Rates.from_dict(own.as_dict()) == own
