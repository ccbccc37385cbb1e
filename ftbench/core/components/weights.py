"""The base class of ``method/weights``: which weights are trained, how they are saved, and how a base answers with
them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ftbench.core.component import Component
from ftbench.core.components.earlier_names import METHODS
from ftbench.core.components.names import class_of
from ftbench.core.errors import FtbenchError, Problem
from ftbench.core.training import Adapter


@dataclass(frozen=True)
class Trainable:
    """How one run switches its weights on, and how it saves them.

    Attributes:
        adapt: base model -> model with the parameters to train switched on; called after seeding.
        save: writes the trained weights into the run's folder.
    """

    adapt: Callable[[Any], Any]
    save: Callable[[Any], None]


@dataclass(frozen=True)
class Weights(Component, ABC):
    """Which weights are trained. ``check`` names its fields as they are typed: ``method.rank``.

    Attributes:
        kind: ``adapter`` or ``whole``: which of an objective's default learning rates suits them; ``whole`` weights are
            a transformers folder, which is loaded in the place of the base.
        mergeable: whether ``merge`` works.
        runs_per_base: how many runs one loaded base serves; None for any number, 1 where training writes into it.
    """

    axis: ClassVar[str] = "method/weights"
    kind: ClassVar[str] = "adapter"
    mergeable: ClassVar[bool] = False
    runs_per_base: ClassVar[int | None] = None

    def base(self, model: Any) -> Any:
        """Returns the model that the weights stand over: the cell's own, or a quantized one."""
        return model

    def cannot_follow(self, start: Weights) -> list[Problem]:
        """Returns why training cannot go on from the weights of ``start``; by default only from the same kind with the
        same values.
        """
        if start == self:
            return []
        why = f"{type(start).__name__} leaves other weights than {type(self).__name__} trains"
        return [Problem("method.start", why, "Use the same method.weights, or set method.start=null")]

    def adapter(self) -> Adapter | None:
        """Returns what is trained over a frozen base, for the forecast; None for whole weights."""
        return None

    def held_in(self) -> str:
        """Returns what whole weights are held in while they are trained, for the forecast: ``float32`` or ``base``."""
        return "base"

    def details(self, loaded: Any) -> dict[str, Any]:
        """*Heavy.* Returns what the receipt says of the base that was trained over.

        Raises:
            FtbenchError: when it is not the base that these weights need.
        """
        return {}

    @abstractmethod
    def trainable(self, folder: Path, loaded: Any, start: Path | None) -> Trainable:
        """*Heavy.* Returns how a run trains these weights.

        Args:
            folder: where the trained weights are saved.
            loaded: ``ftbench.models.loaded.Loaded``.
            start: folder of the training that this one goes on from, or None for fresh weights.
        """

    @abstractmethod
    def attach(self, loaded: Any, folder: Path) -> AbstractContextManager[Any]:
        """*Heavy.* Context manager: inside it, ``loaded`` answers with the weights in ``folder``."""

    def merge(self, loaded: Any, folder: Path) -> Any:
        """*Heavy.* Returns the base with the weights of ``folder`` merged into it, a transformers model; ``loaded`` is
        used up.
        """
        raise FtbenchError("artifact=merged: these weights cannot be merged. Compile the plan again")


def kind_of(method: Mapping[str, Any]) -> str | None:
    """Returns the kind of weights that a method's node in a plan trains; None where it trains none, or where only a
    user's own class could tell, which reports do not import.
    """
    name = str((method.get("weights") or {}).get("_target_", ""))
    if "/" not in name:
        return METHODS.get(str(method.get("_target_")))
    cls = class_of(name)
    return cls.kind if issubclass(cls, Weights) else None
