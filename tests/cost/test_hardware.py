"""The catalogue: every price has a date and a source, or is null."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
import yaml

from ftbench.core.component import build

NAMES = ("cpu", "rtx4090", "a100", "h100", "h200")
DEVICES = {
    "cpu": "cpu",
    "rtx4090": "NVIDIA GeForce RTX 4090",
    "a100": "NVIDIA A100-SXM4-80GB",
    "h100": "NVIDIA H100 80GB HBM3",
    "h200": "NVIDIA H200",
}


@pytest.fixture(scope="module")
def catalogue(request):
    root = request.config.rootpath
    paths = sorted((root / "conf" / "hardware").glob("*.yaml"))
    return {path.stem: build(yaml.safe_load(path.read_text(encoding="utf-8")), "hardware") for path in paths}


def test_31_every_price_has_a_date_and_a_source(catalogue):
    assert set(NAMES) <= set(catalogue)
    for name, hardware in catalogue.items():
        assert hardware.check() == [], name
        assert hardware.name == name
        assert hardware.usd_per_hour == hardware.list_usd_per_hour
        if hardware.usd_per_hour is not None:
            assert hardware.usd_per_hour > 0
            assert date.fromisoformat(hardware.price_date) and hardware.price_source
            assert hardware.price_date in hardware.price_text() and hardware.price_source in hardware.price_text()
    assert catalogue["cpu"].usd_per_hour is None


def test_31_a_price_without_date_or_source_is_refused(catalogue):
    for field in ("price_date", "price_source"):
        (problem,) = replace(catalogue["h100"], **{field: None}).check()
        assert problem.where == "hardware.list_usd_per_hour"
    assert replace(catalogue["h100"], usd_per_hour=0.0).check()[0].where == "hardware.usd_per_hour"
    assert replace(catalogue["h100"], price_date="9 Nov").check()[0].where == "hardware.price_date"


def test_31_a_price_typed_over_the_list_price_does_not_borrow_its_source(catalogue):
    text = replace(catalogue["h100"], usd_per_hour=2.0).price_text()
    assert "as set in hardware.usd_per_hour" in text and "RunPod" not in text


def test_a_device_matches_its_own_entry_alone(catalogue):
    for name, device in DEVICES.items():
        assert [other for other in NAMES if catalogue[other].matches(device)] == [name]
    for stranger in (
        "NVIDIA H100 PCIe",
        "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
        "NVIDIA A100-SXM4-40GB",
        "NVIDIA GeForce RTX 4090 D",
        "NVIDIA GH200 480GB",
    ):
        assert not any(catalogue[name].matches(stranger) for name in NAMES)


def test_33_whole_gpus_are_paid(catalogue):
    assert catalogue["cpu"].units == 1
    assert replace(catalogue["h100"], gpus=8).units == 8
    assert "x 8" in replace(catalogue["h100"], gpus=8).price_text()
    assert replace(catalogue["h100"], gpus=-1).check()[0].where == "hardware.gpus"


def test_a_price_is_in_no_key(catalogue):
    assert catalogue["h100"].identity() == replace(catalogue["h100"], usd_per_hour=1.0, price_date=None).identity()
    assert catalogue["h100"].identity() != replace(catalogue["h100"], gpus=2).identity()


@pytest.mark.parametrize("name", ["memory_bytes", "peak_bf16_flops", "bandwidth_bytes_per_second"])
@pytest.mark.parametrize("value", [0, -5])
def test_a_data_sheet_of_nothing_is_refused(catalogue, name: str, value: int) -> None:
    (problem,) = replace(catalogue["h100"], **{name: value}).check()
    assert problem.where == f"hardware.{name}" and "not above 0" in problem.why and "null" in problem.fix
    assert not replace(catalogue["h100"], **{name: None}).check()
