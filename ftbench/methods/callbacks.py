"""Watches a training: keeps every step's figures, measures validation loss, keeps the best weights, stops early, writes
checkpoints.

Works on any transformers ``Trainer`` that logs every step. What it needs to know of the method comes in as functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from ftbench.core.errors import FtbenchError
from ftbench.methods.checkpoint import BEST, Checkpoints, load_weights, save_weights
from ftbench.methods.recipe import Recipe


@dataclass(frozen=True)
class Best:
    """The step with the lowest validation loss so far."""

    step: int
    loss: float


class TrainingCallback(TrainerCallback):
    """Follows one run.

    Args:
        recipe: how it trains.
        ids: optimizer step (from 1) -> ids of its rows, for messages.
        steps: optimizer steps in all.
        evaluated: steps after which validation loss is measured; empty for none.
        validate: returns the validation loss of the model as it stands.
        folder: for the best weights; removed by the caller.
        checkpoints: where checkpoints go, or None.
        progress: told (steps done, steps in all).
        figures: field of a point -> name under which the trainer logs it, for what a method measures beside its loss.
    """

    def __init__(
        self,
        recipe: Recipe,
        ids: Callable[[int], Sequence[str]],
        steps: int,
        evaluated: Collection[int],
        validate: Callable[[], float],
        folder: Path,
        checkpoints: Checkpoints | None,
        progress: Callable[[int, int], None] | None,
        figures: Mapping[str, str] | None = None,
    ) -> None:
        self.recipe, self.ids, self.steps, self.evaluated, self.validate = recipe, ids, steps, evaluated, validate
        self.folder, self.checkpoints, self.progress = folder, checkpoints, progress
        self.figures = figures or {}
        self.trainer: Any = None
        self.points: list[dict[str, Any]] = []
        self.best: Best | None = None
        self.stale = 0
        self.stopped = False

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if not logs or "loss" not in logs:
            return
        step = state.global_step
        state.log_history.clear()  # the points are kept here; the trainer's own list would go into every checkpoint
        gradient = logs.get("grad_norm")
        # float16 scales its loss until a gradient overflows once and that step is left out: only its loss is watched.
        self._finite("loss", logs["loss"], step)
        if not args.fp16:
            self._finite("gradient norm", gradient or 0.0, step)
        finite = gradient if gradient is not None and math.isfinite(gradient) else None
        own = {field: logs[name] for field, name in self.figures.items()}
        self.points.append(
            {
                "loss": logs["loss"],
                "learning_rate": logs["learning_rate"],
                "grad_norm": finite,
                "validation_loss": None,
                **own,
            }
        )
        if self.progress is not None:
            self.progress(step, self.steps)
        if step in self.evaluated:
            self._evaluate(step, control)
        every = self.recipe.checkpoint_every
        if (
            self.checkpoints is not None
            and every is not None
            and step % every == 0
            and step < self.steps
            and not self.stopped
        ):
            self.checkpoints.write(self.trainer, self._state(), self._best_file if self._best_file.exists() else None)

    def resume(self, checkpoint: Path) -> None:
        """Takes up what the watch of a killed attempt knew."""
        known = self.checkpoints.watch_state(checkpoint)
        self.points, self.stale = known["points"], known["stale"]
        self.best = None if known["best"] is None else Best(**known["best"])
        self.trainer.rows_at_once, self.trainer.halved_at = known["rows_at_once"], known["halved_at"]
        if (checkpoint / BEST).exists():
            self._best_file.write_bytes((checkpoint / BEST).read_bytes())

    def keep(self) -> int:
        """Puts the weights to keep into the model; returns the step that they are of."""
        last = len(self.points)
        if self.recipe.keep != "best" or self.best is None or self.best.step == last:
            return last
        load_weights(self.trainer.model, self._best_file)
        return self.best.step

    @property
    def _best_file(self) -> Path:
        return self.folder / BEST

    def _evaluate(self, step: int, control: Any) -> None:
        loss = self.validate()
        self._finite("validation loss", loss, step)
        self.points[-1]["validation_loss"] = loss
        if self.best is None or loss < self.best.loss:
            self.best, self.stale = Best(step, loss), 0
            if self.recipe.keep == "best" and step < self.steps:
                save_weights(self.trainer.model, self._best_file)
            return
        self.stale += 1
        if self.recipe.patience is not None and self.stale >= self.recipe.patience:
            self.stopped = control.should_training_stop = True

    def _finite(self, name: str, value: float, step: int) -> None:
        if not math.isfinite(value):
            raise FtbenchError(
                f"{name} is {value} at step {step} (rows {', '.join(self.ids(step))}). "
                f"Lower method.learning_rate ({self.recipe.learning_rate}) or look at these rows"
            )

    def _state(self) -> dict[str, Any]:
        best = None if self.best is None else {"step": self.best.step, "loss": self.best.loss}
        size = {"rows_at_once": self.trainer.rows_at_once, "halved_at": self.trainer.halved_at}
        return {"points": self.points, "stale": self.stale, "best": best, **size}
