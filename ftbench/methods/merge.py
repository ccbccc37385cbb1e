"""Merging an adapter into whole weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.methods.adapters import load_adapter, without_future_warnings


def merged(loaded: Any, folder: Path) -> Any:
    """Merges the adapter in ``folder`` into the loaded base, in place, and returns the transformers model.

    Args:
        loaded: ``ftbench.models.loaded.Loaded``, not quantized and not needed any more.
        folder: a train stage's.

    Raises:
        FtbenchError: for a quantized base, whose 4 bits cannot hold what was learned, and for weights that are not
            finite.
    """
    if loaded.quantized is not None:
        raise FtbenchError(
            f"merge: the base is in {loaded.quantized.kind}; merge into the base as it was before"
            " (model.quantization=null)"
        )
    model = load_adapter(loaded.model, folder, loaded.device)
    with without_future_warnings():
        try:
            whole = model.merge_and_unload(safe_merge=True)
        except ValueError as error:  # what peft raises for NaN
            raise FtbenchError(
                f"merge: {str(error).splitlines()[0]} Train again with a lower method.learning_rate"
            ) from error
    whole.eval()
    return whole
