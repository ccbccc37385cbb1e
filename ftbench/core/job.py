"""What a stage's body is handed, and what it hands back. A body is ``run(job) -> Outcome`` in
``ftbench/stages/<kind>.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftbench.core.component import Component, build
from ftbench.core.stage import Stage


@dataclass(frozen=True)
class Job:
    """One stage at work.

    Attributes:
        stage: the stage.
        inputs: role -> finished, read-only folder of that input.
        folder: temporary folder to write into; published as it stands when the body returns.
        resident: ``ftbench.models.resident.Resident``; ``resident.get(model)`` loads a base model or returns the one at
            hand.
        phase: ``with job.phase("load"):`` adds the wall time inside to ``receipt.seconds["load"]`` (after a device
            synchronize).
        progress: ``job.progress(done, total)`` tells the runner how far the body is; cheap, may be called often.
        scratch: a folder, not made yet, that outlives this attempt and is removed when the stage is published: for what
            a killed body goes on from. None where the body must start from nothing.
    """

    stage: Stage
    inputs: dict[str, Path]
    folder: Path
    resident: Any
    phase: Callable[[str], AbstractContextManager[None]]
    progress: Callable[[int, int], None]
    scratch: Path | None = None

    def component(self, role: str) -> Component:
        """Builds the component whose node stands in ``stage.config[role]``."""
        return build(self.stage.config[role], role)


@dataclass(frozen=True)
class Outcome:
    """What goes into the receipt beside what the worker measures by itself; see ``ftbench.core.receipt.Receipt``."""

    tokens: dict[str, int] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
