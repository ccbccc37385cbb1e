"""The base class of the metric axis: one score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ftbench.core.component import Component


@dataclass(frozen=True)
class Metric(Component):
    """A component of the metric axis: one score."""

    axis: ClassVar[str] = "metric"
