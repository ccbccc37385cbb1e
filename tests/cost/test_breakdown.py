"""The whole account of cells: shared stages add up, unknown stays unknown, tokens keep their names."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.core.component import build
from ftbench.core.receipt import Receipt
from ftbench.cost.breakdown import cost_breakdown, spot_usd
from tests.conftest import ROOT

DEVICE = "NVIDIA H100 80GB HBM3"


def machine(**changed):
    node = yaml.safe_load((ROOT / "conf" / "hardware" / "h100.yaml").read_text(encoding="utf-8"))
    return build({**node, **changed}, "hardware")


def receipt(kind="train", total=10.0, load=0.0, device=DEVICE, tokens=None, joules=100.0):
    return Receipt(
        key="k",
        kind=kind,
        version=1,
        state="done",
        started="2026-11-23T00:00:00Z",
        seconds={"total": total + load, "load": load, "import": 0.0},
        cpu_seconds=1.0,
        device=device,
        devices=1,
        peak_memory_bytes=1,
        tokens=tokens or {},
        environment={},
        provenance={},
        details={},
        error=None,
        energy_joules=joules,
    )


@st.composite
def runs(draw):
    """Some stages, and cells that use some of them, each stage used at least once."""
    keys = [f"s{index}" for index in range(draw(st.integers(1, 6)))]
    kinds = {key: draw(st.sampled_from(["train", "index", "generate", "likelihood", "score"])) for key in keys}
    seconds = {key: draw(st.floats(0.01, 1e4)) for key in keys}
    cells = [draw(st.sets(st.sampled_from(keys), min_size=1)) for _ in range(draw(st.integers(1, 4)))]
    cells.append(set(keys) - set().union(*cells) or {keys[0]})
    return {key: receipt(kinds[key], seconds[key]) for key in keys}, cells


@settings(max_examples=60)
@given(runs())
def test_split_accounts_add_up_to_what_the_run_took(run) -> None:
    stages, cells = run
    users = {key: sum(key in cell for cell in cells) for key in stages}
    accounts = [cost_breakdown(machine(), {key: stages[key] for key in cell}, users, {}) for cell in cells]
    whole = math.fsum(one.seconds["total"] for one in stages.values())
    assert math.fsum(one.split_seconds["total"] for one in accounts) == pytest.approx(whole)
    assert math.fsum(one.split_usd["total"] for one in accounts) == pytest.approx(whole / 3600 * 3.99)
    assert math.fsum(one.gpu_hours for one in accounts) == pytest.approx(whole / 3600)
    for one in accounts:
        assert one.split_usd["total"] <= one.alone_usd["total"] * (1 + 1e-9)
        assert one.alone_usd["total"] == pytest.approx(
            math.fsum(one.alone_usd[part] for part in ("train", "index", "generate", "other"))
        )


@given(runs())
def test_31_without_a_price_no_part_is_zero_dollars(run) -> None:
    stages, _ = run
    found = cost_breakdown(machine(usd_per_hour=None), stages, {}, {})
    used = {"train": "train", "index": "index", "generate": "generate"}
    parts = {used.get(one.kind, "other") for one in stages.values()}
    assert all(found.alone_usd[part] is None and found.split_usd[part] is None for part in (*parts, "total"))
    assert found.spot_usd is None


def test_31_a_missing_receipt_leaves_its_part_unknown() -> None:
    found = cost_breakdown(machine(), {"a": receipt("train"), "b": None}, {}, {})
    assert found.alone_usd["train"] > 0 and found.alone_usd["other"] is None and found.alone_usd["total"] is None


def test_31_measured_elsewhere_has_no_dollars() -> None:
    found = cost_breakdown(machine(), {"a": receipt("train", device="cpu")}, {}, {})
    assert found.alone_usd["train"] is None and found.alone_seconds["train"] == 10.0


def test_33_idle_gpus_are_hours_too() -> None:
    assert cost_breakdown(machine(gpus=8), {"a": receipt("train", 3600.0)}, {}, {}).gpu_hours == pytest.approx(8)


def test_30_alone_pays_the_load_that_another_stage_paid() -> None:
    warm = cost_breakdown(machine(), {"a": receipt("generate", 50.0, load=0.0)}, {"a": 2}, {"a": 20.0})
    assert warm.alone_seconds["generate"] == 70.0 and warm.split_seconds["generate"] == 25.0


def test_35_tokens_keep_their_names_and_energy_is_split() -> None:
    stages = {
        "a": receipt("train", tokens={"supervised": 5, "non_pad": 9, "padded": 12}),
        "b": receipt("generate", tokens={"prompt": 3, "completion": 4}),
    }
    found = cost_breakdown(machine(), stages, {"a": 2}, {})
    assert found.tokens == {
        "train": {"supervised": 5, "non_pad": 9, "padded": 12},
        "generate": {"prompt": 3, "completion": 4},
    }
    assert found.energy_joules == 150.0
    assert cost_breakdown(machine(), {"a": receipt(joules=None)}, {}, {}).energy_joules is None


def test_spot_prices_count_what_interruptions_throw_away() -> None:
    spot = machine(spot_usd_per_hour=1.0, spot_interruptions_per_hour=0.0)
    assert spot_usd(spot, 3600.0) == pytest.approx(1.0)
    often = machine(spot_usd_per_hour=1.0, spot_interruptions_per_hour=1.0)
    assert spot_usd(often, 3600.0) == pytest.approx(math.e - 1)  # (exp(1) - 1) hours for one hour of work
    assert spot_usd(machine(spot_usd_per_hour=1.0), 3600.0) is None
