"""What ships: the weights as the method wrote them, or merged into a folder that any server loads. What ships is what
is scored.

The axis concerns trained weights that can be merged, which a method says by having ``merge``. Everything else is the
same cell under every artifact: an untouched base, or a method that writes whole weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ftbench.core.canonical import digest
from ftbench.core.component import node
from ftbench.core.components.artifact import Artifact
from ftbench.core.lowering import AddStage, Lowered


@dataclass(frozen=True)
class AsTrained(Artifact):
    """What the method wrote, over the base it was trained on; for QLoRA that is the 4-bit one."""

    key_name: ClassVar[str] = "as_trained"


@dataclass(frozen=True)
class Merged(Artifact):
    """A standard transformers folder: the adapter merged into the base in its own dtype, never into quantized
    weights.
    """

    key_name: ClassVar[str] = "merged"

    def lower(self, add: AddStage, cell: Lowered, weights: str) -> str | None:
        """Adds the merge stage and returns its key."""
        return add(
            "merge",
            spec={"model": cell.unquantized.identity(), "artifact": self.identity()},
            inputs={"prepare": cell.prepare, "weights": weights},
            config={"model": node(cell.unquantized), "base": node(cell.model), "method": node(cell.method)},
            model=digest(cell.model.identity()),
        )
