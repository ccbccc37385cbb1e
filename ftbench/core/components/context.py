"""The base class of the context axis: what goes into the prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ftbench.core.component import Component


@dataclass(frozen=True)
class Context(Component):
    """A component of the context axis: what goes into the prompt."""

    axis: ClassVar[str] = "context"
