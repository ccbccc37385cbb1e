"""The base class of the dataset axis: where examples or documents come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from ftbench.core.component import Component
from ftbench.core.example import Splits


@dataclass(frozen=True)
class Dataset(Component, ABC):
    """Where examples come from. Only ``load`` must be written.

    ``identity`` holds the data's bytes by hash, so that a changed file is another dataset. One whose documents are of
    another source than its rows parts them by ``rows`` and ``corpus``.
    """

    axis: ClassVar[str] = "dataset"

    def inspectable(self) -> bool:
        """Says whether ``load`` is light enough for planning; False for a hub name, which needs ``datasets``."""
        return False

    def rows(self) -> Dataset:
        """Returns what loads the rows alone."""
        return self

    def corpus(self) -> Dataset | None:
        """Returns what loads the documents: by default they come with the rows; None where there are none."""
        return self

    @abstractmethod
    def load(self) -> Splits:
        """Reads, checks and splits; light for local files.

        Raises:
            Refused: with one problem for each bad file, column or row (file, row and fix).
        """
