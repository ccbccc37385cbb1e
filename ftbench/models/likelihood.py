"""How likely a model finds given answers: negative log-likelihoods of their tokens after their prompts.

Only tokens that hold a character of the answer count: what a chat template writes around it is read and not scored.

Rows are padded on the right and masked; sums are taken in float32 over chunks of positions, so that neither the batch
nor the padding changes a value by more than rounding.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ftbench.models.format import Encoded
from ftbench.models.loaded import Loaded

LOGIT_BUDGET_BYTES = 256 * 2**20
CHUNK_POSITIONS = 1024
NOT_NUMBERS = "the model's log-probabilities are no finite numbers; its weights may hold NaN"


@dataclass(frozen=True)
class Likelihood:
    """One scored target.

    Attributes:
        nll: nats, summed over the tokens that hold a character of the answer; None when the row could not be scored.
        tokens: how many those are.
        correct: how many of them the model would have chosen itself, given the true ones before; None where the row
            could not be scored.
        nll_end: nats of the end-of-turn token after them.
        error: None, or one line.
    """

    nll: float | None
    tokens: int
    correct: int | None
    nll_end: float | None
    error: str | None


def likelihoods(
    loaded: Loaded, rows: Sequence[Encoded], batch_size: int, progress: Callable[[int, int], None] | None = None
) -> list[Likelihood]:
    """Scores every row's target, in order.

    Args:
        rows: prompts with targets, made by ``loaded.format``.
        batch_size: rows at once, at most; fewer where their logits would take more than ``LOGIT_BUDGET_BYTES``.
    """
    found: list[Likelihood | None] = [_misfit(loaded, row) for row in rows]
    waiting = sorted((i for i, one in enumerate(found) if one is None), key=lambda i: (-_length(rows[i]), i))
    while waiting:
        batch = _affordable(loaded, rows, waiting[:batch_size])
        try:
            scored = _batch(loaded, [rows[i] for i in batch])
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
            scored = None
        if scored is None:
            # Not inside the handler: the exception holds on to the tensors that did not fit.
            batch_size = len(batch) // 2
            torch.cuda.empty_cache()
            continue
        for i, one in zip(batch, scored, strict=True):
            found[i] = one
        waiting = waiting[len(batch) :]
        if progress is not None:
            progress(len(rows) - len(waiting), len(rows))
    return [one for one in found if one is not None]


def _length(row: Encoded) -> int:
    return len(row.prompt_ids) + len(row.target_ids) + len(row.end_ids)


def _answer_length(row: Encoded) -> int:
    first, last = row.answer_span
    return last - first


def _misfit(loaded: Loaded, row: Encoded) -> Likelihood | None:
    window = loaded.context_tokens
    if window is None or _length(row) <= window:
        return None
    error = f"prompt and target of {_length(row)} tokens do not fit into {window} tokens"
    return Likelihood(None, _answer_length(row), None, None, error)


def _span(rows: Sequence[Encoded]) -> tuple[int, int]:
    """Returns the positions [first, last) whose logits predict a target token of any row."""
    return min(len(row.prompt_ids) for row in rows) - 1, max(_length(row) for row in rows) - 1


def _affordable(loaded: Loaded, rows: Sequence[Encoded], batch: list[int]) -> list[int]:
    vocabulary = loaded.model.config.get_text_config().vocab_size
    while len(batch) > 1:
        first, last = _span([rows[i] for i in batch])
        if len(batch) * (last - first) * vocabulary * 4 <= LOGIT_BUDGET_BYTES:
            break
        batch = batch[: len(batch) // 2]
    return batch


def _batch(loaded: Loaded, rows: Sequence[Encoded]) -> list[Likelihood]:
    width = max(_length(row) for row in rows)
    whole = [[*row.prompt_ids, *row.target_ids, *row.end_ids] for row in rows]
    ids = torch.tensor(
        [row + [loaded.pad_id] * (width - len(row)) for row in whole], dtype=torch.long, device=loaded.device
    )
    mask = torch.tensor(
        [[1] * len(row) + [0] * (width - len(row)) for row in whole], dtype=torch.long, device=loaded.device
    )
    first, last = _span(rows)
    kept = torch.arange(first, last, device=loaded.device)
    with torch.inference_mode():
        if "logits_to_keep" in inspect.signature(loaded.model.forward).parameters:
            logits = loaded.model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=kept).logits
        else:
            logits = loaded.model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, first:last]
        labels = ids[:, first + 1 : last + 1]
        nats, right = _nll(logits, labels).double().cpu(), (logits.argmax(-1) == labels).cpu()
    scored = []
    for row, values, chosen in zip(rows, nats, right, strict=True):
        after = len(row.prompt_ids) - 1 - first
        begin, end = (after + position for position in row.answer_span)
        closing = after + len(row.target_ids)
        if not bool(values[after : closing + bool(row.end_ids)].isfinite().all()):
            scored.append(Likelihood(None, _answer_length(row), None, None, NOT_NUMBERS))
            continue
        nll_end = float(values[closing]) if row.end_ids else None
        nll, correct = float(values[begin:end].sum()), int(chosen[begin:end].sum())
        scored.append(Likelihood(nll, _answer_length(row), correct, nll_end, None))
    return scored


def _nll(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Returns the nll [batch, seq] of labels [batch, seq] under logits [batch, seq, vocabulary], in float32."""
    parts = []
    for start in range(0, labels.shape[1], CHUNK_POSITIONS):
        chunk = logits[:, start : start + CHUNK_POSITIONS].float()
        part = labels[:, start : start + CHUNK_POSITIONS]
        parts.append(torch.logsumexp(chunk, -1) - chunk.gather(-1, part[..., None])[..., 0])
    return torch.cat(parts, dim=1)
