"""What a method trains, in the words that a forecast needs: a method says it by ``training(available)``, and nobody asks it for its name."""

from __future__ import annotations

from dataclasses import dataclass

READS = ("targets", "preferences", "chosen")


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
        reads: one of ``READS``: rows with a target, pairs of a chosen and a rejected answer (two sequences a row), or the chosen ones alone.
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
