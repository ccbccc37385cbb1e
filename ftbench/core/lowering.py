"""How a component adds stages to the plan (``lower``), and what it may look at while it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

AddStage = Callable[..., str]
"""``add(kind, spec, inputs, config, model=None) -> key``: how a component adds a stage to the plan while lowering."""


class Lowered(Protocol):
    """What ``lower`` may look at: resolved components of the cell, the prepare stage's key, the seed.

    ``model`` is the one that the method's weights stand over, ``unquantized`` the one without any quantization.
    ``dataset`` is without its documents where it can be parted from them; ``documents`` is the key of the stage that
    reads them, for a context that says so, else empty.
    """

    model: Any
    unquantized: Any
    method: Any
    context: Any
    dataset: Any
    decoding: Any
    seed: int
    prepare: str
    documents: str
