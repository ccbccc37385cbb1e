"""How to train, whatever is trained and whatever towards: one recipe for all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ftbench.core.component import Component
from ftbench.core.errors import Problem, did_you_mean

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
    dropout other masks are drawn, so neither is proven neutral. Checkpoints are: resumed bytes are those of an
    undisturbed run.

    Attributes:
        learning_rate: peak; None, in an option, is the default of the pair of weights and objective, set while
            compiling.
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
        packing: lay the rows of a forward pass one behind another in one row without padding, each attending to itself
            alone.
        optimizer: one of ``OPTIMIZERS``, as transformers names them.
        precision: ``auto`` is bfloat16 autocast on a GPU that has it, else float32.
        gradient_checkpointing: recompute activations to save memory.
        eval_steps: measure validation loss every so many steps and after the last; None: after every epoch; 0: never.
        keep: the weights of the ``best`` validation loss, or of the ``last`` step.
        patience: stop after so many measurements in a row without a better one; None: never.
        checkpoint_every: steps between checkpoints that a killed training resumes from; None: none. Changes no result.
        liger: Liger's kernels for norms and feed-forwards; needs the package and a CUDA device.
        torch_compile: compile the model's forward pass with ``torch.compile``.
        train_context: share of the training rows that are shown the passage of their gold document among retrieved
            distractors; the others are shown distractors alone, after RAFT (Zhang et al. 2024). None: rows are trained
            on their own prompts.
    """

    learning_rate: float | None
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
    train_context: float | None

    NEUTRAL: ClassVar[tuple[str, ...]] = ("checkpoint_every",)
    SILENT_AT_DEFAULT: ClassVar[Mapping[str, Any]] = {"train_context": None, "packing": False}

    @property
    def effective_batch(self) -> int:
        """Rows per optimizer step."""
        return self.batch_size * self.gradient_accumulation

    def rows(self, available: int) -> int:
        """Returns how many rows are gone through, repeats counted."""
        return (
            self.max_steps * self.effective_batch
            if self.max_steps is not None
            else max(1, round(self.epochs * available))
        )

    def check(self) -> list[Problem]:
        problems = super().check()
        for name in ("batch_size", "gradient_accumulation", "max_steps", "max_tokens", "patience", "checkpoint_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                problems.append(Problem(f"method.{name}", f"{value} is less than 1", "Give at least 1"))
        for name, value in (("learning_rate", self.learning_rate), ("epochs", self.epochs)):
            if value is not None and not 0 < value < math.inf:
                problems.append(Problem(f"method.{name}", f"{value} is not positive", "Give a number above 0"))
        for name in ("weight_decay", "max_grad_norm"):
            if not 0 <= getattr(self, name) < math.inf:
                why = f"{getattr(self, name)} is negative or not finite"
                problems.append(Problem(f"method.{name}", why, "Give 0 or more"))
        if not 0 <= self.warmup < 1:
            why = f"{self.warmup} is no share of the steps"
            problems.append(Problem("method.warmup", why, "Give a number from 0 to below 1"))
        for name, options in (
            ("schedule", SCHEDULES),
            ("optimizer", OPTIMIZERS),
            ("precision", PRECISIONS),
            ("overlong", OVERLONG),
            ("keep", KEPT),
        ):
            if getattr(self, name) not in options:
                why = f"{getattr(self, name)!r} is none of its values"
                problems.append(Problem(f"method.{name}", why, did_you_mean(getattr(self, name), options)))
        if self.train_context is not None and not 0 <= self.train_context <= 1:
            why = f"{self.train_context} is no share of the rows"
            problems.append(Problem("method.train_context", why, "Give 0 to 1, such as 0.8, or null"))
        if self.eval_steps is not None and self.eval_steps < 0:
            fix = "Give a number of steps, null for every epoch, or 0 for never"
            problems.append(Problem("method.eval_steps", f"{self.eval_steps} is less than 0", fix))
        if self.eval_steps == 0 and self.patience is not None:
            why = "validation loss is never measured"
            problems.append(Problem("method.patience", why, "Set method.eval_steps, or method.patience=null"))
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
