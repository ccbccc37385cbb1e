"""The meter: clocks after the device, peaks reset once, versions without imports."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ftbench.execution.meter import Meter, environment

ROOT = Path(__file__).resolve().parents[2]
MEGABYTE = 1_000_000


class LateDevice:
    """Stands where ``torch.cuda`` stands: a kernel returns at once and is done later, as on a GPU; counts its
    memory.
    """

    def __init__(self) -> None:
        self.done_at = 0.0
        self.allocated = self.peak = self.resets = 0

    def launch(self, seconds: float) -> None:
        self.done_at = max(self.done_at, time.perf_counter()) + seconds

    def allocate(self, count: int) -> None:
        self.allocated += count
        self.peak = max(self.peak, self.allocated)

    def is_initialized(self) -> bool:
        return True

    def device_count(self) -> int:
        return 1

    def get_device_name(self, index: int) -> str:
        return "Late Device"

    def synchronize(self, index: int) -> None:
        time.sleep(max(0.0, self.done_at - time.perf_counter()))

    def reset_peak_memory_stats(self, index: int) -> None:
        self.resets += 1
        self.peak = self.allocated

    def max_memory_allocated(self, index: int) -> int:
        return self.peak


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> LateDevice:
    late = LateDevice()
    torch = SimpleNamespace(cuda=late, get_num_threads=lambda: 1, version=SimpleNamespace(cuda="0"))
    monkeypatch.setitem(sys.modules, "torch", torch)
    return late


def test_30_the_clock_is_read_after_the_device_has_finished(device: LateDevice) -> None:
    """Number 30: work on a device is timed to its end, and what was launched before a phase is not billed to it."""
    with Meter(accelerator=True) as meter:
        with meter.phase("load"):
            device.launch(0.15)
        device.launch(0.3)
        with meter.phase("work"):
            device.launch(0.05)
        device.launch(0.1)
    seconds = meter.reading()["seconds"]
    assert 0.15 <= seconds["load"] < 0.4
    assert 0.05 <= seconds["work"] < 0.3
    assert 0.6 <= seconds["total"]


def test_30_billing_includes_load_and_a_phase_entered_twice_is_summed(device: LateDevice) -> None:
    """Number 30: total holds every part, load included, and what lies between the parts."""
    with Meter(accelerator=True) as meter:
        for name, pause in (("load", 0.03), ("work", 0.02), ("work", 0.02)):
            with meter.phase(name):
                time.sleep(pause)
        time.sleep(0.02)
    seconds = meter.reading()["seconds"]
    assert seconds["work"] >= 0.04
    assert seconds["total"] >= seconds["load"] + seconds["work"] + 0.02


def test_34_the_device_peak_is_reset_once_at_the_start_of_the_stage(device: LateDevice) -> None:
    """Number 34: a peak in the first phase is still the stage's peak; the peak of the stage before is not."""
    device.allocate(900)
    device.allocate(-800)
    with Meter(accelerator=True) as meter:
        with meter.phase("load"):
            device.allocate(400)
            device.allocate(-300)
        with meter.phase("work"):
            device.allocate(50)
    assert device.resets == 1
    reading = meter.reading()
    assert (reading["device"], reading["devices"], reading["peak_memory_bytes"]) == ("Late Device", 1, 500)


def test_34_the_cpu_peak_is_a_sampled_difference() -> None:
    """Number 34: what was resident before the stage is not its peak, and what it gave back before the end is."""
    before = np.ones(300 * MEGABYTE // 8)
    peaks = []
    for megabytes in (200, 1):
        with Meter(accelerator=False) as meter:
            with meter.phase("load"):
                block = np.ones(megabytes * MEGABYTE // 8)
                time.sleep(0.1)
                del block
            with meter.phase("work"):
                time.sleep(0.02)
        peaks.append(meter.reading()["peak_memory_bytes"])
    assert before.nbytes == 300 * MEGABYTE
    assert 180 * MEGABYTE < peaks[0] < 260 * MEGABYTE
    assert 0 <= peaks[1] < 60 * MEGABYTE


def test_a_stage_without_a_model_is_on_the_cpu_whatever_ran_before(device: LateDevice) -> None:
    with Meter(accelerator=False) as meter:
        time.sleep(0.001)
    assert meter.reading()["device"] == "cpu"


def test_energy_is_that_of_the_gpus_in_sight_from_the_first_stage_on(
    device: LateDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker's first stage begins before CUDA does: which GPUs it sees is known at its end alone."""
    counts = {"GPU-a": 5_000_000, "GPU-b": 7_000_000}
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: f"GPU-{'ab'[index]}",
        nvmlDeviceGetUUID=lambda handle: handle.encode(),
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: counts[handle],
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    begun = False
    monkeypatch.setattr(device, "is_initialized", lambda: begun)
    monkeypatch.setattr(device, "get_device_properties", lambda index: SimpleNamespace(uuid="b"), raising=False)
    with Meter(accelerator=True) as meter:
        begun = True
        counts.update({"GPU-a": 9_000_000, "GPU-b": 7_012_500})
    assert meter.reading()["energy_joules"] == 12.5
    monkeypatch.setattr(device, "get_device_properties", lambda index: SimpleNamespace(uuid="c"), raising=False)
    with Meter(accelerator=True) as meter:
        pass
    assert meter.reading()["energy_joules"] is None, "a GPU that NVML does not count has no energy, and not 0"


def test_a_body_that_raises_is_measured_to_its_end() -> None:
    threads = threading.active_count()
    meter = Meter(accelerator=False)
    with pytest.raises(ZeroDivisionError), meter, meter.phase("work"):
        time.sleep(0.02)
        raise ZeroDivisionError
    assert meter.reading()["seconds"]["total"] >= meter.reading()["seconds"]["work"] >= 0.02
    assert threading.active_count() == threads, "the sampler must not outlive its stage"


def test_versions_come_without_importing_the_packages() -> None:
    code = (
        "import sys; from ftbench.execution.meter import environment; found = environment()\n"
        "assert found['packages']['torch'] and found['packages']['transformers'], found\n"
        "sys.exit(bool({'torch', 'transformers', 'trl', 'peft'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_commit_is_none_outside_a_repository_and_without_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    assert environment()["commit"] is None
    monkeypatch.setenv("PATH", "")
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "b")
    assert environment()["commit"] is None


@pytest.mark.gpu
def test_30_34_on_a_real_device() -> None:
    """Numbers 30 and 34, with kernels that return before they are done."""
    import torch

    matrix = torch.randn(8192, 8192, device="cuda")
    matrix @ matrix  # the first call also loads the library
    block = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    del block
    with Meter(accelerator=True) as meter:
        start = time.perf_counter()
        with meter.phase("work"):
            for _ in range(20):
                matrix @ matrix
            launched = time.perf_counter() - start
    reading = meter.reading()
    assert reading["seconds"]["work"] > 2 * launched
    assert reading["device"] == torch.cuda.get_device_name(0)
    assert 2 * matrix.nbytes <= reading["peak_memory_bytes"] < 2**30
