"""Log-probabilities of preference pairs under a model as it stands, in the arithmetic that training will use. Brings
torch along.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ftbench.methods.pairs import Pair
from ftbench.models.format import Encoded
from ftbench.models.likelihood import likelihoods
from ftbench.models.loaded import has_bfloat16

BATCH_ROWS = 16
"""Sequences at once; values do not depend on it."""


def reference_logps(
    loaded: Any, pairs: Sequence[Pair], precision: str, progress: Callable[[int, int], None] | None = None
) -> list[dict[str, Any]]:
    """Scores both answers of every pair.

    Args:
        loaded: the reference, ``ftbench.models.loaded.Loaded``.
        precision: of the training that will compare with it; under bfloat16 autocast a float32 reference would be off.

    Returns:
        One dict per pair, in order: ``id``, ``chosen`` and ``rejected`` (nats), ``chosen_tokens`` and
        ``rejected_tokens``.
    """
    sequences = [
        Encoded("", pair.prompt_ids, ids, (), ()) for pair in pairs for ids in (pair.chosen_ids, pair.rejected_ids)
    ]
    dtype = autocast_dtype(precision, loaded.device)
    with torch.autocast(torch.device(loaded.device).type, dtype=dtype, enabled=dtype is not None):
        scores = likelihoods(loaded, sequences, BATCH_ROWS, progress)
    return [
        {
            "id": pair.id,
            "chosen": -chosen.nll,
            "rejected": -rejected.nll,
            "chosen_tokens": chosen.tokens,
            "rejected_tokens": rejected.tokens,
        }
        for pair, chosen, rejected in zip(pairs, scores[::2], scores[1::2], strict=True)
    ]


def autocast_dtype(precision: str, device: str) -> torch.dtype | None:
    """Returns what a training of this precision casts to, or None where it casts nothing."""
    if precision == "auto":
        return torch.bfloat16 if has_bfloat16(device) else None
    return {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision)
