"""The base class of the artifact axis: what ships."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ftbench.core.component import Component
from ftbench.core.lowering import AddStage, Lowered


@dataclass(frozen=True)
class Artifact(Component):
    """What ships; by default the weights as the method wrote them."""

    axis: ClassVar[str] = "artifact"

    def lower(self, add: AddStage, cell: Lowered, weights: str) -> str | None:
        """Adds the stage that writes a transformers folder out of the stage ``weights``.

        Returns:
            Its key; None for the weights themselves.
        """
        return None
