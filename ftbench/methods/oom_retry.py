"""Goes on with fewer rows at once where a batch does not fit into memory; the effective batch stays what it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch


def in_pieces(rows: Sequence[Any], size: int, measure: Callable[[Sequence[Any]], Any]) -> Iterator[tuple[int, Any]]:
    """Yields how many rows a piece has and what ``measure`` says of it; where memory runs out, that piece and all later
    ones are halved.
    """
    start = 0
    while start < len(rows):
        piece = rows[start : start + size]
        try:
            found, fits = measure(piece), True
        except torch.OutOfMemoryError:
            if len(piece) == 1:
                raise
            fits = False
        if not fits:  # outside the handler: the exception holds on to the tensors that did not fit
            size = len(piece) // 2
            torch.cuda.empty_cache()
            continue
        yield len(piece), found
        start += len(piece)


class OomRetry:
    """Mixed into a transformers ``Trainer`` whose loss is a share of the whole optimizer step's, by its tokens or by
    its pairs.

    When memory runs out, the gradients of the optimizer step at hand are dropped, and its batches are gone through
    again in pieces of half as many rows, and all later ones with them. Since the loss is divided by what the step holds
    and not by what a batch holds, the pieces add up to the same gradient. A loss that is normalized otherwise is not
    cut.

    Attributes:
        share: whether the loss is such a share without transformers counting the step's tokens.
        rows_at_once: the most rows of one forward pass now; None while whole batches fit.
        halved_at: the first step at which memory ran out, or None.
    """

    share = False
    rows_at_once: int | None = None
    halved_at: int | None = None
    _batches: list[dict[str, Any]]
    _told: Any = 0.0

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        self._batches, self._told = [], 0.0
        return super().get_batch_samples(*args, **kwargs)

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        if num_items_in_batch is None and not self.share:
            return super().training_step(model, inputs, num_items_in_batch)
        self._batches.append(inputs)
        loss = self._attempted(model, [inputs], num_items_in_batch)
        if loss is None:
            while loss is None:
                widest = max(map(self._rows, self._batches))
                self.rows_at_once = min(self.rows_at_once or widest, widest) // 2
                self.halved_at = self.halved_at or self.state.global_step + 1
                model.zero_grad(set_to_none=True)
                self._forget()
                torch.cuda.empty_cache()
                loss = self._attempted(model, self._batches, num_items_in_batch)
            loss = loss - self._told  # earlier batches of this step were gone through again and are already counted
        self._told = self._told + loss
        return loss

    def _attempted(self, model: Any, batches: list[dict[str, Any]], num_items_in_batch: Any) -> Any:
        """Returns the summed loss after forward and backward passes, or None when memory ran out."""
        pieces = [piece for batch in batches for piece in self._pieces(batch)]
        try:
            return sum(super(OomRetry, self).training_step(model, piece, num_items_in_batch) for piece in pieces)
        except torch.OutOfMemoryError:
            if max(map(self._rows, pieces)) == 1:
                raise
        return None  # outside the handler: the exception holds on to the tensors that did not fit

    def _pieces(self, batch: dict[str, Any]) -> list[dict[str, Any]]:
        count, rows = self._rows(batch), self.rows_at_once
        if rows is None or count <= rows:
            return [batch]
        return [self._cut(batch, start, start + rows) for start in range(0, count, rows)]

    def _rows(self, batch: dict[str, Any]) -> int:
        """Returns how many rows the batch holds."""
        return len(batch["input_ids"])

    def _cut(self, batch: dict[str, Any], start: int, stop: int) -> dict[str, Any]:
        """Returns the batch of those rows alone."""
        return {name: value[start:stop] for name, value in batch.items()}

    def _forget(self) -> None:
        """Called before the step's batches are gone through again: a trainer drops the figures that it took of them."""
