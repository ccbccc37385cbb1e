"""The one base model that a worker keeps in memory, so that the next stage that wants it need not load it again."""

from __future__ import annotations

import gc
from collections.abc import Collection
from typing import Any

from ftbench.core.canonical import digest
from ftbench.core.components.model import Model


class Resident:
    """Keeps one base loaded and frees it before it loads another.

    Args:
        device: torch device, or None for the first GPU, else the CPU.
    """

    def __init__(self, device: str | None = None) -> None:
        self._device = device
        self._key: str | None = None
        self._loaded: Any = None

    @property
    def device(self) -> str:
        """The device that models are loaded on; the first look imports torch."""
        if self._device is None:
            from ftbench.models.loaded import choose_device

            self._device = choose_device()
        return self._device

    def get(self, model: Model, key: str | None = None) -> Any:
        """Returns ``model`` loaded (``ftbench.models.loaded.Loaded``): the one at hand when it is the same.

        Args:
            key: names the model's content; None takes its identity, for which a folder's files are hashed.
        """
        key = key or digest(model.identity())
        if key != self._key or self._is_spent():
            self.free()
            self._loaded = model.load(self.device)
            self._key = key
        return self._loaded

    def make_room(self, wanted: Collection[str]) -> None:
        """Frees the model at hand unless its key is among ``wanted`` and its weights are whole: it would count in the
        peak of a stage that has no use for it.
        """
        if self._loaded is not None and (self._key not in wanted or self._is_spent()):
            self.free()

    def _is_spent(self) -> bool:
        """Says whether a stage wrote into the weights at hand."""
        from ftbench.models.intact import is_spent

        return is_spent(self._loaded.model)

    def free(self) -> None:
        """Lets go of the model and returns its memory to the device."""
        if self._loaded is None:
            return
        self._loaded = self._key = None
        gc.collect()
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.empty_cache()
