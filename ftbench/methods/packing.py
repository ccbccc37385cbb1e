"""Packing: the rows of one forward pass one behind another in one row, without padding, and none sees another.

The positions begin anew with each row and no mask is given: transformers takes the borders from the positions, as a
mask of blocks for ``sdpa`` and ``eager`` and as sequence lengths for ``flash_attention_2``, which alone saves the work
between rows. The rows, their order and the steps are those of an unpacked training, so that losses are equal up to
rounding. Whether a model keeps to the borders is tried before it is trained.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch

from ftbench.core.errors import FtbenchError
from ftbench.methods.rows import IGNORED

TRIED_TOKENS = 64
"""Of each of the two rows that a model is tried with: enough to reach over a convolution's or a window's first
tokens.
"""
LEAK = 1e-3
"""Largest change of a row's logits when the row before it changes, as a share of their range. Behind a border it is
exactly 0; this allows for kernels that add in any order.
"""
SHIFT = 0.05
"""Largest difference between a row's logits behind another row and alone, as a share of their range: bfloat16 rounds to
a hundredth; wrong positions are far off.
"""


def packed(batch: dict[str, Any]) -> dict[str, Any]:
    """Returns a padded batch as one row.

    Args:
        batch: ``input_ids``, ``attention_mask`` (1 on a row's own tokens) and ``labels``, each ``[rows, tokens]``.

    Returns:
        ``input_ids``, ``position_ids`` and ``labels``, each ``[1, all tokens]``. The first token of a row has no label:
        the token before it is another row's.
    """
    own = batch["attention_mask"].bool()
    positions = own.cumsum(-1) - 1
    labels = batch["labels"].masked_fill(positions == 0, IGNORED)
    return {
        "input_ids": batch["input_ids"][own][None],
        "position_ids": positions[own][None],
        "labels": labels[own][None],
    }


def check_apart(model: Any, rows: Sequence[Sequence[int]], device: str) -> None:
    """Runs the model over two packed rows, and again with the first one changed.

    Args:
        model: as it will be trained.
        rows: token ids; two of them are taken.

    Raises:
        FtbenchError: when the second row's logits know of the first, or are not those that it has alone.
    """
    base = getattr(model, "get_base_model", lambda: model)()
    first, second = (torch.tensor(row[:TRIED_TOKENS], device=device) for row in (rows[0], rows[-1]))
    if "position_ids" not in inspect.signature(base.forward).parameters:
        raise _unfit(base, "takes no positions")
    positions = torch.cat([torch.arange(len(first), device=device), torch.arange(len(second), device=device)])

    def logits(*parts: torch.Tensor) -> torch.Tensor:
        ids = torch.cat(parts)
        return (
            model(input_ids=ids[None], position_ids=positions[-len(ids) :][None], use_cache=False)
            .logits[0, -len(second) :]
            .float()
        )

    was_training = model.training
    model.eval()
    with torch.no_grad():
        behind, changed, alone = (
            logits(first, second),
            logits((first + 1) % base.config.vocab_size, second),
            logits(second),
        )
    model.train(was_training)
    span = float(alone.max() - alone.min())
    if not float((behind - changed).abs().max()) <= LEAK * span:
        raise _unfit(base, "lets a packed row see the one before it")
    if not float((behind - alone).abs().max()) <= SHIFT * span:
        raise _unfit(base, "answers otherwise behind another row")


def _unfit(base: Any, why: str) -> FtbenchError:
    return FtbenchError(
        f"method.packing=true: {type(base).__name__} with attention {base.config._attn_implementation} {why}. Set it to"
        " false"
    )
