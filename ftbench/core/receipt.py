"""The receipt: the JSON file written last into a stage's folder. No receipt, not finished."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ftbench.core.files import write_json

FILE = "receipt.json"

TIMED = (FILE, "timings.json")
"""Files that hold times, and so differ between two runs of the same stage."""


@dataclass(frozen=True)
class Receipt:
    """What ran, where, how long and what it used. Unknown is None, never 0.

    Attributes:
        key, kind, version: of the stage.
        state: ``done`` or ``failed``.
        started: UTC, ISO 8601.
        seconds: wall time by part. ``total`` always; ``load`` (model into memory) and ``work`` where the body has them.
            Billing takes ``total``; throughput takes ``work`` (docs/mistakes.md, number 30).
        cpu_seconds: CPU time of the worker in this stage; None, as the device is, for a worker that was killed.
        device: such as ``cpu`` or ``NVIDIA H100 80GB HBM3``; ``devices`` how many.
        peak_memory_bytes: device peak, reset once at the stage's start; on CPU the sampled rise of resident memory.
        tokens: name -> count, every name says which tokens (``supervised``, ``non_pad``, ``padded``, ``prompt``,
            ``completion``).
        environment: package versions, Python, platform, thread count, commit if any.
        provenance: resolved model revision, data fingerprint, chat template digest.
        details: what the body wants kept (counts of truncated rows, the losses' ends, notes).
        error: one line for a failed stage, else None.
        energy_joules: of the devices that a stage could use, by NVML; None where there is none, or in receipts that are
            older than this field.
        files: name -> ``bytes``, ``sha256`` and ``mtime_ns`` of every file of a published stage but the receipt;
            None for a failed one, and in
            receipts that are older than this field.
        inputs: role -> digest over the files of the stage that was read (``ftbench.store.digests.content``), for
            the inputs that have one; None as for ``files``.
    """

    key: str
    kind: str
    version: int
    state: str
    started: str
    seconds: dict[str, float]
    cpu_seconds: float | None
    device: str | None
    devices: int | None
    peak_memory_bytes: int | None
    tokens: dict[str, int]
    environment: dict[str, Any]
    provenance: dict[str, Any]
    details: dict[str, Any]
    error: str | None
    energy_joules: float | None = None
    files: dict[str, dict[str, Any]] | None = None
    inputs: dict[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def write(self, folder: Path) -> None:
        write_json(folder / FILE, self.as_dict(), sort_keys=True)

    @classmethod
    def read(cls, folder: Path) -> Receipt:
        """Reads the receipt of a finished stage.

        Raises:
            FileNotFoundError: when the stage is not finished.
        """
        return cls(**json.loads((folder / FILE).read_text(encoding="utf-8")))
