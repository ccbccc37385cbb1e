"""The base class of the dataset axis: where examples or documents come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ftbench.core.component import Component


@dataclass(frozen=True)
class Dataset(Component):
    """A component of the dataset axis: where examples or documents come from."""

    axis: ClassVar[str] = "dataset"
