"""Measures one stage: wall time by part, CPU time, peak memory, device and environment.

A clock is read only after the device has finished what it was given (mistake 30), and the peak is reset once,
at the stage's start (mistake 34). Nothing heavy is imported: where torch is not loaded, there is no device to wait for.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from typing import Any

PACKAGES = (
    "ftbench",
    "torch",
    "transformers",
    "peft",
    "trl",
    "accelerate",
    "datasets",
    "tokenizers",
    "bitsandbytes",
    "evaluate",
    "sacrebleu",
    "rouge_score",
    "lm_eval",
    "bm25s",
    "numpy",
    "pandas",
    "scipy",
    "hydra-core",
    "omegaconf",
)
SAMPLE_SECONDS = 0.01


class Meter:
    """Measures what runs between ``with Meter(...)`` and its end.

    Args:
        accelerator: whether the stage loads a model, and so occupies the accelerator where there is one. Decided by
            the stage and not by what an earlier one left behind, so that a receipt does not depend on the order.
    """

    def __init__(self, accelerator: bool) -> None:
        self._accelerator = accelerator
        self._seconds: dict[str, float] = {}
        self._sampler: _Sampler | None = None
        self.started = ""

    def __enter__(self) -> Meter:
        self.started = datetime.now(UTC).isoformat(timespec="milliseconds")
        synchronise()
        reset_peak()
        self._sampler = _Sampler()
        self._joules = energy_joules() if self._accelerator else {}
        self._cpu_start = time.process_time()
        self._wall_start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        synchronise()
        self._seconds["total"] = time.perf_counter() - self._wall_start
        self._cpu_seconds = time.process_time() - self._cpu_start
        self._rise_bytes = self._sampler.stop()
        self._spent_joules = _spent(self._joules, energy_joules()) if self._joules else None

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Adds the wall time inside to ``seconds[name]``; a phase entered twice is summed."""
        synchronise()
        start = time.perf_counter()
        try:
            yield
        finally:
            synchronise()
            self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - start

    def reading(self) -> dict[str, Any]:
        """Returns what was measured, under the names of ``Receipt``: started, seconds, cpu_seconds, device, devices,
        peak_memory_bytes, energy_joules, environment.
        """
        device, devices, peak_bytes = self._device()
        return {
            "started": self.started,
            "seconds": {name: round(value, 6) for name, value in self._seconds.items()},
            "cpu_seconds": round(self._cpu_seconds, 6),
            "device": device,
            "devices": devices,
            "peak_memory_bytes": peak_bytes,
            "energy_joules": self._spent_joules,
            "environment": environment(),
        }

    def _device(self) -> tuple[str, int, int]:
        cuda = _cuda() if self._accelerator else None
        if cuda is None:
            return "cpu", 1, self._rise_bytes
        count = cuda.device_count()
        # The fullest device decides whether a stage fits.
        return cuda.get_device_name(0), count, max(cuda.max_memory_allocated(index) for index in range(count))


class _Sampler:
    """Samples the resident memory of this process in a thread; ``stop`` returns the largest rise over its start, in
    bytes.
    """

    def __init__(self) -> None:
        import psutil  # 30 ms, and only a worker needs it

        self._process = psutil.Process()
        self._start_bytes = self._peak_bytes = self._process.memory_info().rss
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory-sampler", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.wait(SAMPLE_SECONDS):
            self._look()

    def _look(self) -> None:
        self._peak_bytes = max(self._peak_bytes, self._process.memory_info().rss)

    def stop(self) -> int:
        self._stopped.set()
        self._thread.join()
        self._look()
        return self._peak_bytes - self._start_bytes


def _cuda() -> Any | None:
    """Returns ``torch.cuda`` when this process has work on it, else None. ROCm answers under the same name."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    return cuda if cuda is not None and cuda.is_initialized() else None


def synchronise() -> None:
    """Waits until every device has finished what it was given; returns at once where there is none."""
    cuda = _cuda()
    if cuda is not None:
        for index in range(cuda.device_count()):
            cuda.synchronize(index)


def reset_peak() -> None:
    """Starts a new peak on every device."""
    cuda = _cuda()
    if cuda is not None:
        for index in range(cuda.device_count()):
            cuda.reset_peak_memory_stats(index)


def energy_joules() -> dict[str, float]:
    """Returns UUID -> what each GPU of this machine has used since its driver started, by NVML (package
    ``nvidia-ml-py``); empty where that cannot be asked.

    A worker's first stage begins before CUDA does, so all GPUs are asked. Each is asked as a whole: what another
    process does on it counts too.
    """
    found = {}
    try:
        import pynvml

        pynvml.nvmlInit()
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            uuid = pynvml.nvmlDeviceGetUUID(handle)
            found[uuid.decode() if isinstance(uuid, bytes) else uuid] = (
                pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000
            )
    except Exception:  # no package, no driver, a card that does not count: energy is then unknown
        return {}
    return found


def _spent(before: dict[str, float], after: dict[str, float]) -> float | None:
    """Returns joules of the GPUs that this process sees; None where one of them is not counted, or there is none."""
    cuda = _cuda()
    if cuda is None:
        return None
    seen = [f"GPU-{cuda.get_device_properties(index).uuid}" for index in range(cuda.device_count())]
    if not all(uuid in before and uuid in after for uuid in seen):
        return None
    return round(sum(after[uuid] - before[uuid] for uuid in seen), 3)


def environment() -> dict[str, Any]:
    """Returns package versions, Python, platform, thread count and commit; none of the packages is imported for it."""
    torch = sys.modules.get("torch")
    threads = (
        torch.get_num_threads() if torch is not None else int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    )
    return {
        "packages": dict(_versions()),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": threads,
        "cuda": getattr(getattr(torch, "version", None), "cuda", None),
        "commit": _commit(os.getcwd()),
    }


@lru_cache(maxsize=1)
def _versions() -> tuple[tuple[str, str], ...]:
    found = []
    for name in PACKAGES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)


@lru_cache(maxsize=8)
def _commit(folder: str) -> str | None:
    """Returns the commit of the working directory, with ``-dirty`` for uncommitted changes; None without git or outside
    a repository.
    """
    if shutil.which("git") is None:
        return None
    command = ["git", "-C", folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
