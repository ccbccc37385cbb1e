"""Which GPU a worker process gets where several share a machine with several. Nothing heavy is imported, and no driver
is asked.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
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


def freest(known: Sequence[str], taken: Sequence[str | None]) -> str | None:
    """Returns the GPU that the fewest of ``taken`` have; None where there is nothing to choose, so that a worker sees
    what its parent does.
    """
    return min(known, key=taken.count) if len(known) > 1 else None
