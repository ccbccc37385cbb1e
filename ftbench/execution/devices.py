"""Which GPU a worker process gets where several share a machine with several. Nothing heavy is imported, and no driver
is asked.
"""

from __future__ import annotations

import os
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
KNOWN = Path("/proc/driver/nvidia/gpus")
"""Where NVIDIA's driver lists the GPUs of a Linux machine."""


def gpus() -> list[str]:
    """Returns the GPUs that this process may use, in the words of ``CUDA_VISIBLE_DEVICES``; empty where there are none,
    or nobody says.
    """
    said = os.environ.get(VISIBLE)
    if said is not None:
        return [one.strip() for one in said.split(",") if one.strip()]
    return [str(index) for index in range(len(list(KNOWN.glob("*"))))]


def gpu_of(slot: int) -> str | None:
    """Returns the GPU of a run's worker number ``slot``: each its own while there are enough. None where there is
    nothing to choose, so that a worker sees what its parent does.
    """
    known = gpus()
    return known[slot % len(known)] if len(known) > 1 else None
