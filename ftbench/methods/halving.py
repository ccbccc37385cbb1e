"""Goes on with fewer rows at once where a batch does not fit into memory; the effective batch stays what it was."""

from __future__ import annotations

from typing import Any

import torch


class Halving:
    """Mixed into a transformers ``Trainer`` whose loss is a sum over the tokens of the whole optimizer step.

    When memory runs out, the gradients of the optimizer step at hand are dropped, and its batches are gone through again
    in pieces of half as many rows, and all later ones with them. Since the loss is divided by the step's tokens and not
    by a batch's, the pieces add up to the same gradient. A loss that is normalised otherwise is not cut.

    Attributes:
        rows_at_once: the most rows of one forward pass now; None while whole batches fit.
        halved_at: the first step at which memory ran out, or None.
    """

    rows_at_once: int | None = None
    halved_at: int | None = None
    _batches: list[dict[str, Any]]
    _told: Any = 0.0

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        self._batches, self._told = [], 0.0
        return super().get_batch_samples(*args, **kwargs)

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        if num_items_in_batch is None:
            return super().training_step(model, inputs, num_items_in_batch)
        self._batches.append(inputs)
        loss = self._attempted(model, [inputs], num_items_in_batch)
        if loss is None:
            while loss is None:
                widest = max(len(batch["input_ids"]) for batch in self._batches)
                self.rows_at_once = min(self.rows_at_once or widest, widest) // 2
                self.halved_at = self.halved_at or self.state.global_step + 1
                model.zero_grad(set_to_none=True)
                torch.cuda.empty_cache()
                loss = self._attempted(model, self._batches, num_items_in_batch)
            loss = loss - self._told  # earlier batches of this step were gone through again and are already counted
        self._told = self._told + loss
        return loss

    def _attempted(self, model: Any, batches: list[dict[str, Any]], num_items_in_batch: Any) -> Any:
        """Returns the summed loss after forward and backward passes, or None when memory ran out."""
        pieces = [piece for batch in batches for piece in _pieces(batch, self.rows_at_once)]
        try:
            return sum(super(Halving, self).training_step(model, piece, num_items_in_batch) for piece in pieces)
        except torch.OutOfMemoryError:
            if max(len(piece["input_ids"]) for piece in pieces) == 1:
                raise
        return None  # outside the handler: the exception holds on to the tensors that did not fit


def _pieces(batch: dict[str, Any], rows: int | None) -> list[dict[str, Any]]:
    count = len(batch["input_ids"])
    if rows is None or count <= rows:
        return [batch]
    return [{name: value[start : start + rows] for name, value in batch.items()} for start in range(0, count, rows)]
