"""The base class of ``method/objective``: what the weights are trained towards."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ftbench.core.component import Component
from ftbench.core.components.weights import Trainable
from ftbench.core.errors import Problem
from ftbench.core.example import Splits
from ftbench.core.training import TrainRun


@dataclass(frozen=True)
class Objective(Component, ABC):
    """What weights are trained towards. ``check`` names its fields as they are typed: ``method.beta``.

    Attributes:
        learning_rates: kind of weights (``adapter``, ``whole``) -> what ``method.learning_rate: null`` means for the
            pair. In no key: the rate that is trained with is the method's.
        learning_rate_sources: kind of weights -> whose default it is.
        needs_reference: whether the log-probabilities of the answers under the starting weights are worked out
            beforehand, by a stage of their own.
        control: option of the method axis that a gain must be compared with, or None.
    """

    axis: ClassVar[str] = "method/objective"
    NOT_HASHED: ClassVar[tuple[str, ...]] = ("learning_rates", "learning_rate_sources")
    needs_reference: ClassVar[bool] = False
    control: ClassVar[str | None] = None

    learning_rates: dict[str, float]
    learning_rate_sources: dict[str, str]

    @property
    @abstractmethod
    def reads(self) -> str:
        """What a row is trained on: one of ``ftbench.core.training.READS``."""

    def check_method(self, method: Any) -> list[Problem]:
        """Returns why this objective cannot be trained towards with these weights and this recipe
        (``ftbench.methods.tuning.Tuning``).
        """
        return []

    @abstractmethod
    def check_data(self, splits: Splits) -> list[Problem]:
        """Returns why these rows do not suffice."""

    @abstractmethod
    def train(self, runs: Sequence[tuple[TrainRun, Trainable]], recipe: Any, loaded: Any) -> list[dict[str, Any]]:
        """*Heavy.* Trains each run; see ``ftbench.core.components.method.Method.train``."""
