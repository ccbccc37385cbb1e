"""Several workers on a machine with several GPUs: each sees one, and no two the same while there are enough."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ftbench.execution import devices
from ftbench.execution.devices import gpu_of, gpus
from ftbench.execution.executors.local import LocalExecutor
from ftbench.execution.scheduler import run_plan
from tests.execution.conftest import Bench


def test_gpus_are_those_in_sight_else_those_that_the_driver_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "KNOWN", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpus() == []
    for bus in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / bus).mkdir()
    assert gpus() == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-7a")
    assert gpus() == ["3", "GPU-7a"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus() == []


def test_each_worker_has_a_gpu_of_its_own_while_there_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for seen in ("", "0"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
        assert gpu_of(0) is None, "nothing to choose: a worker sees what its parent does"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert [gpu_of(slot) for slot in range(5)] == ["0", "1", "0", "1", "0"]


@pytest.mark.parametrize("workers", [1, 2])
def test_two_workers_see_one_gpu_each_and_one_sees_all(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., None], workers: int
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    plan = bench.plan(bench.stage("one", gate="open"), bench.stage("two", gate="open"))
    run = threading.Thread(target=run_plan, args=(plan, bench.plan_path, LocalExecutor(workers)))
    run.start()
    try:
        wait_until(lambda: len(bench.pids()) == workers)
        seen = [Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") for pid in bench.pids()]
    finally:
        bench.open_gate("open")
        run.join()
    found = sorted(entry.decode() for one in seen for entry in one if entry.startswith(b"CUDA_VISIBLE_DEVICES="))
    assert found == (
        ["CUDA_VISIBLE_DEVICES=4", "CUDA_VISIBLE_DEVICES=5"] if workers == 2 else ["CUDA_VISIBLE_DEVICES=4,5"]
    )
