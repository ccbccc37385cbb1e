"""One training: what a method is given to train on, and what it says of it to a forecast, so that nobody asks it for
its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ftbench.core.example import Example

READS = ("targets", "preferences", "chosen")


@dataclass(frozen=True)
class TrainRun:
    """One run of a training call.

    Attributes:
        examples: training rows, in file order.
        seed: decides initial weights, the order of rows and dropout.
        folder: where weights, curve and the masked example go.
        validation: rows that validation loss is measured on.
        inputs: finished folders of the stages that the method's own ``lower`` named, by role.
        progress: told (steps done, steps in all), or None.
        scratch: folder for checkpoints that outlives the attempt, or None.
    """

    examples: Sequence[Example]
    seed: int
    folder: Path
    validation: Sequence[Example] = ()
    inputs: dict[str, Path] = field(default_factory=dict)
    progress: Callable[[int, int], None] | None = None
    scratch: Path | None = None


@dataclass(frozen=True)
class Adapter:
    """Low-rank matrices over a frozen base.

    Attributes:
        rank: of each.
        targets: names of the linear layers, or None for every linear layer but the head.
        dropout: whether dropout stands before them.
        dora: whether magnitudes are learned beside them.
    """

    rank: int
    targets: tuple[str, ...] | None
    dropout: bool
    dora: bool


@dataclass(frozen=True)
class Training:
    """One training run as arithmetic sees it.

    Attributes:
        adapter: what is trained over a frozen base; None trains every weight.
        master_weights: ``float32`` or ``base``: what whole weights are held in while they are trained.
        optimizer: as transformers names it.
        precision: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
        checkpointing: whether activations are recomputed.
        reads: one of ``READS``: rows with a target, pairs of a chosen and a rejected answer (two sequences a row), or
            the chosen ones alone.
        rows: gone through in all, repeats counted.
        batch_size: rows of one forward pass.
        gradient_accumulation: forward passes per optimizer step.
        max_tokens: longest row, or None.
        validations: how often the validation rows are gone through.
        packing: whether the rows of a forward pass stand in one row without padding.
    """

    adapter: Adapter | None
    master_weights: str
    optimizer: str
    precision: str
    checkpointing: bool
    reads: str
    rows: int
    batch_size: int
    gradient_accumulation: int
    max_tokens: int | None
    validations: int
    packing: bool = False

    @property
    def sequences(self) -> int:
        """Sequences per row."""
        return 2 if self.reads == "preferences" else 1

    @property
    def passes(self) -> int:
        """Forward passes with a backward pass; the last of a run may be a smaller one."""
        return -(-self.rows // self.batch_size)

    @property
    def steps(self) -> int:
        """Optimizer steps."""
        return -(-self.rows // (self.batch_size * self.gradient_accumulation))
