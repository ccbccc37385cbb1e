"""The untouched base model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftbench.core.component import Component
from ftbench.core.errors import FtbenchError
from ftbench.core.protocols import AddStage, Lowered, TrainRun


@dataclass(frozen=True)
class Untouched(Component):
    """Trains nothing: the base answers as it is."""

    @property
    def seeded(self) -> bool:
        return False

    def lower(self, add: AddStage, cell: Lowered) -> str | None:
        return None

    def train(self, runs: Sequence[TrainRun], loaded: Any) -> list[dict[str, Any]]:
        """Raises:
        FtbenchError: always; no plan holds a train stage of this method.
        """
        raise FtbenchError("method=none trains nothing, yet a plan asks it to. Compile the plan again")

    @contextmanager
    def attach(self, loaded: Any, folder: Path | None) -> Iterator[Any]:
        yield loaded
