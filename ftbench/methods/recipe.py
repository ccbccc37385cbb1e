"""How to train, whatever is trained: the values that every method shares, and the base of the methods that have them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from ftbench.core.canonical import digest
from ftbench.core.component import Component, node
from ftbench.core.errors import Problem, did_you_mean
from ftbench.core.example import Splits
from ftbench.core.protocols import AddStage, Lowered
from ftbench.core.training import Adapter, Training

SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}
CUDA_OPTIMIZERS = ("adamw_bnb_8bit", "paged_adamw_32bit", "paged_adamw_8bit")
"""Of bitsandbytes; refused where no CUDA device is at hand when training begins."""
OPTIMIZERS = ("adamw_torch", "adamw_torch_fused", *CUDA_OPTIMIZERS, "adafactor", "sgd")
KEPT = ("best", "last")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
OVERLONG = ("cut", "drop")


@dataclass(frozen=True)
class Recipe(Component):
    """How to train, whatever is trained.

    Every field is part of the identity: micro-batch and accumulation give the same loss up to rounding only, and with
    dropout other masks are drawn, so neither is proven neutral. Checkpoints are: resumed bytes are those of an undisturbed run.

    Attributes:
        learning_rate: peak.
        epochs: passes over the rows, fractions allowed; without effect where ``max_steps`` is given.
        max_steps: optimizer steps, or None.
        batch_size: rows per forward pass.
        gradient_accumulation: forward passes per optimizer step.
        warmup: share of the steps in which the learning rate rises.
        schedule: ``linear``, ``cosine`` (both down to 0) or ``constant``, after the warm-up.
        weight_decay: of AdamW.
        max_grad_norm: gradients are clipped to this norm; 0 leaves them.
        max_tokens: longest row; None is the model's window.
        overlong: what becomes of a longer row: ``cut`` at its end, or ``drop``; both are counted.
        packing: lay the rows of a forward pass one behind another in one row without padding, each attending to itself alone.
        optimizer: one of ``OPTIMIZERS``, as transformers names them.
        precision: ``auto`` is bfloat16 autocast on a GPU that has it, else float32.
        gradient_checkpointing: recompute activations to save memory.
        eval_steps: measure validation loss every so many steps and after the last; None: after every epoch; 0: never.
        keep: the weights of the ``best`` validation loss, or of the ``last`` step.
        patience: stop after so many measurements in a row without a better one; None: never.
        checkpoint_every: steps between checkpoints that a killed training resumes from; None: none. Changes no result.
        liger: Liger's kernels for norms and feed-forwards; needs the package and a CUDA device.
        torch_compile: compile the model's forward pass with ``torch.compile``.
    """

    learning_rate: float
    epochs: float
    max_steps: int | None
    batch_size: int
    gradient_accumulation: int
    warmup: float
    schedule: str
    weight_decay: float
    max_grad_norm: float
    max_tokens: int | None
    overlong: str
    packing: bool
    optimizer: str
    precision: str
    gradient_checkpointing: bool
    eval_steps: int | None
    keep: str
    patience: int | None
    checkpoint_every: int | None
    liger: bool
    torch_compile: bool

    NEUTRAL: ClassVar[tuple[str, ...]] = ("checkpoint_every",)

    @property
    def effective_batch(self) -> int:
        """Rows per optimizer step."""
        return self.batch_size * self.gradient_accumulation

    def rows(self, available: int) -> int:
        """Returns how many rows are gone through, repeats counted."""
        return self.max_steps * self.effective_batch if self.max_steps is not None else max(1, round(self.epochs * available))

    def check(self) -> list[Problem]:
        problems = super().check()
        for name in ("batch_size", "gradient_accumulation", "max_steps", "max_tokens", "patience", "checkpoint_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                problems.append(Problem(f"method.{name}", f"{value} is less than 1", "Give at least 1"))
        for name in ("learning_rate", "epochs"):
            if not 0 < getattr(self, name) < math.inf:
                problems.append(Problem(f"method.{name}", f"{getattr(self, name)} is not positive", "Give a number above 0"))
        for name in ("weight_decay", "max_grad_norm"):
            if not 0 <= getattr(self, name) < math.inf:
                problems.append(Problem(f"method.{name}", f"{getattr(self, name)} is negative or not finite", "Give 0 or more"))
        if not 0 <= self.warmup < 1:
            problems.append(Problem("method.warmup", f"{self.warmup} is no share of the steps", "Give a number from 0 to below 1"))
        for name, options in (("schedule", SCHEDULES), ("optimizer", OPTIMIZERS), ("precision", PRECISIONS), ("overlong", OVERLONG), ("keep", KEPT)):
            if getattr(self, name) not in options:
                problems.append(Problem(f"method.{name}", f"{getattr(self, name)!r} is none of its values", did_you_mean(getattr(self, name), options)))
        if self.eval_steps is not None and self.eval_steps < 0:
            problems.append(Problem("method.eval_steps", f"{self.eval_steps} is less than 0", "Give a number of steps, null for every epoch, or 0 for never"))
        if self.eval_steps == 0 and self.patience is not None:
            problems.append(Problem("method.patience", "validation loss is never measured", "Set method.eval_steps, or method.patience=null"))
        return problems

    def evaluated(self, rows: int, available: int) -> frozenset[int]:
        """Returns the steps after which validation loss is measured.

        Args:
            rows: gone through in all, repeats counted.
            available: rows of one epoch.
        """
        steps = math.ceil(rows / self.effective_batch)
        if self.eval_steps == 0:
            return frozenset()
        if self.eval_steps is not None:
            return frozenset([*range(self.eval_steps, steps, self.eval_steps), steps])
        epochs = (math.ceil(epoch * available / self.effective_batch) for epoch in range(1, rows // available + 1))
        return frozenset([*epochs, steps])


@dataclass(frozen=True)
class Tuned(Recipe):
    """Base of every method that learns from targets: a recipe, and what such methods do alike.

    Attributes:
        train_context: share of the training rows that are shown the passage of their gold document among retrieved distractors; the others
            are shown distractors alone, after RAFT (Zhang et al. 2024). None: rows are trained on their own prompts.
        the others: see ``Recipe``.
    """

    train_context: float | None

    def identity(self) -> dict[str, Any]:
        """Returns the identity; rows trained on their own prompts have no word of contexts in it, rows that are not packed none of packing."""
        unsaid = {name for name, value in (("train_context", None), ("packing", False)) if getattr(self, name) is value}
        return {name: value for name, value in super().identity().items() if name not in unsaid}

    def check(self) -> list[Problem]:
        problems = super().check()
        if self.train_context is not None and not 0 <= self.train_context <= 1:
            problems.append(Problem("method.train_context", f"{self.train_context} is no share of the rows", "Give 0 to 1, such as 0.8, or null"))
        return problems

    def described(self, available: int, adapter: Adapter | None, master_weights: str) -> Training:
        """Returns what a forecast needs of this recipe; a method says by ``training`` which weights learn.

        Args:
            available: rows that can be trained on.
            adapter: None where all weights learn.
            master_weights: what whole weights are held in.
        """
        rows = self.rows(available)
        return Training(
            adapter=adapter,
            master_weights=master_weights,
            optimizer=self.optimizer,
            precision=self.precision,
            checkpointing=self.gradient_checkpointing,
            reads="targets",
            rows=rows,
            batch_size=self.batch_size,
            gradient_accumulation=self.gradient_accumulation,
            max_tokens=self.max_tokens,
            validations=len(self.evaluated(rows, max(1, available))),
            packing=self.packing,
        )

    def check_data(self, splits: Splits) -> list[Problem]:
        if any(example.target is not None for example in splits.train):
            return []
        return [Problem("dataset.train", "has no row with a target to train on", "Give dataset.target or dataset.references, or method=none")]

    def lower(self, add: AddStage, cell: Lowered) -> str | None:
        """Adds the train stage. Rows are trained on their own prompts, so that every context shares one set of weights.

        With ``train_context`` they carry what the cell's context retrieves, which is then part of the key, and its index an input.
        """
        within = self.train_context is not None
        return add(
            "train",
            spec={"model": cell.model.identity(), "method": self.identity(), "seed": cell.seed, **({"context": cell.context.identity()} if within else {})},
            inputs={"prepare": cell.prepare, **(cell.context.lower(add, cell) if within else {})},
            config={"model": node(cell.model), "method": node(self), "seed": cell.seed, **({"context": node(cell.context)} if within else {})},
            model=digest(cell.model.identity()),
        )
