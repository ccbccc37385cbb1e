"""The base class of the artifact axis: what ships."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ftbench.core.component import Component


@dataclass(frozen=True)
class Artifact(Component):
    """A component of the artifact axis: what ships."""

    axis: ClassVar[str] = "artifact"
