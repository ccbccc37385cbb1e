"""The bill of a cell."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.core.receipt import Receipt
from ftbench.cost.bill import bill
from ftbench.cost.hardware import Hardware

H100 = "NVIDIA H100 80GB HBM3"


def hardware(usd_per_hour=3.6, gpus=1):
    return Hardware(
        name="h100",
        gpus=gpus,
        device_pattern=H100,
        memory_bytes=None,
        usd_per_hour=usd_per_hour,
        list_usd_per_hour=3.6,
        price_date="2026-11-09",
        price_source="somebody's list",
        peak_bf16_flops=None,
        bandwidth_bytes_per_second=None,
        specification_source=None,
        spot_usd_per_hour=None,
        spot_interruptions_per_hour=None,
    )


def receipt(kind="generate", device=H100, tokens=None, **seconds):
    seconds = {"total": sum(seconds.values()), **seconds}
    return Receipt(
        key="0" * 64,
        kind=kind,
        version=1,
        state="done",
        started="2026-11-23T00:00:00Z",
        seconds=seconds,
        cpu_seconds=1.0,
        device=device,
        devices=1,
        peak_memory_bytes=None,
        tokens=tokens or {},
        environment={},
        provenance={},
        details={},
        error=None,
    )


def test_30_billing_includes_load_and_warm_up_throughput_does_not():
    generate = receipt(load=20.0, warm_up=4.0, work=50.0, latency=7.0, tokens={"completion": 1000})
    found = bill(hardware(), [], generate, 100, 0.0)
    assert found.tokens_per_second == 1000 / 50.0
    assert found.generate_seconds == 74.0  # the probes of single requests are no part of serving
    assert found.seconds_per_1k_requests == 20.0 + 4.0 + 500.0
    assert found.usd_per_1k_requests == pytest.approx(524 / 3600 * 3.6)


def test_30_a_worker_that_had_the_model_is_billed_as_if_alone():
    cold = bill(hardware(), [receipt("train", load=20.0, work=100.0)], receipt(load=20.0, work=50.0), 100, 20.0)
    warm = bill(hardware(), [receipt("train", load=0.01, work=100.0)], receipt(load=0.01, work=50.0), 100, 20.0)
    assert warm.train_seconds == pytest.approx(cold.train_seconds) == pytest.approx(120.0)
    assert warm.usd_per_1k_requests == pytest.approx(cold.usd_per_1k_requests)


@given(st.floats(0, 1e6), st.floats(0.001, 1e6), st.integers(1, 10**6), st.booleans())
def test_31_a_null_price_never_becomes_zero(load, work, requests, trains):
    train = [receipt("train", load=load, work=work)] if trains else []
    found = bill(hardware(usd_per_hour=None), train, receipt(load=load, work=work), requests, load)
    assert found.train_usd is None and found.usd_per_1k_requests is None
    assert "no price known" in found.price_basis
    known = bill(hardware(), train, receipt(load=load, work=work), requests, load)
    assert known.usd_per_1k_requests > 0
    assert known.train_usd > 0 if trains else known.train_usd == 0.0


def test_32_retrieval_pays_for_its_index_and_its_search():
    generate = receipt(load=20.0, prompts=10.0, work=50.0, tokens={"completion": 1000})
    plain, rag = (
        bill(hardware(), [], receipt(load=20.0, work=50.0), 100, 20.0),
        bill(hardware(), [], generate, 100, 20.0, [receipt("index", work=36.0)]),
    )
    assert (rag.index_seconds, rag.index_usd) == (36.0, pytest.approx(0.036)) and (
        plain.index_seconds,
        plain.index_usd,
    ) == (0.0, 0.0)
    assert (
        rag.seconds_per_1k_requests == plain.seconds_per_1k_requests + 100.0
        and rag.generate_seconds == plain.generate_seconds + 10.0
    )
    assert rag.tokens_per_second == 1000 / 50.0
    assert bill(hardware(), [], generate, 100, 20.0, None).index_usd is None


def test_31_a_measurement_elsewhere_has_no_dollars():
    found = bill(hardware(), [receipt("train", load=1.0, work=1.0)], receipt(device="cpu", load=1.0, work=1.0), 10, 0.0)
    assert found.train_usd is None and found.usd_per_1k_requests is None
    assert found.price_basis == "measured on cpu, not h100"
    assert found.generate_seconds == 2.0


def test_what_was_not_measured_is_unknown():
    missing = bill(hardware(), None, None, None, 5.0)
    assert (missing.train_seconds, missing.generate_seconds, missing.train_usd, missing.usd_per_1k_requests) == (
        None,
    ) * 4
    assert missing.price_basis == "nothing measured"
    unsplit = bill(hardware(), [], receipt(), 10, 0.0)
    assert unsplit.generate_seconds is None and unsplit.tokens_per_second is None


def test_33_idle_gpus_are_paid_and_named():
    one, eight = (bill(hardware(gpus=gpus), [], receipt(load=10.0, work=50.0), 100, 0.0) for gpus in (1, 8))
    assert eight.usd_per_1k_requests == pytest.approx(8 * one.usd_per_1k_requests)
    assert "(1 of 8 GPUs at work)" in eight.price_basis and "at work" not in one.price_basis


def test_every_stage_that_made_the_weights_is_paid():
    sft, dpo = receipt("train", load=10.0, work=100.0), receipt("train", load=10.0, work=40.0)
    assert bill(hardware(), [sft, dpo], None, None, 0.0).train_seconds == 160.0


def test_a_price_at_the_pace_of_a_backend_that_nobody_serves_with_says_so():
    generate = replace(receipt(load=20.0, work=50.0, tokens={"completion": 1000}), details={"backend": "transformers"})
    assert "which nobody serves with" in bill(hardware(), [], generate, 100, 0.0).price_basis
    assert (
        "nobody serves with"
        not in bill(hardware(), [], replace(generate, details={"backend": "vllm"}), 100, 0.0).price_basis
    )
    assert "nobody serves with" not in bill(hardware(usd_per_hour=None), [], generate, 100, 0.0).price_basis
