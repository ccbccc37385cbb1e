"""The untouched base model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ftbench.core.components.method import Method


@dataclass(frozen=True)
class Untouched(Method):
    """Trains nothing: the base answers as it is."""

    key_name: ClassVar[str] = "none"

    @property
    def uses_seed(self) -> bool:
        return False
