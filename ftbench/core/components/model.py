"""The base class of the model axis: a base model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ftbench.core.component import Component


@dataclass(frozen=True)
class Model(Component):
    """A component of the model axis: a base model."""

    axis: ClassVar[str] = "model"
