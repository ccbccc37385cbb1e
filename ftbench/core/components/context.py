"""The base class of the context axis: what goes into the prompt."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from ftbench.core.component import Component
from ftbench.core.components.model import Model
from ftbench.core.errors import FtbenchError, Problem
from ftbench.core.example import Document, Example, Request, Splits
from ftbench.core.lowering import AddStage, Lowered


@dataclass(frozen=True)
class Context(Component, ABC):
    """What goes into the prompt. Only ``requests`` must be written.

    Attributes:
        reads_documents: whether it shows documents: only its cells depend on them, and only they are refused where the
            documents are bad.
    """

    axis: ClassVar[str] = "context"
    reads_documents: ClassVar[bool] = False

    def for_model(self, model: Model) -> Self:
        """Returns the same context for one model, such as with its tokenizer."""
        return self

    def lower(self, add: AddStage, cell: Lowered) -> dict[str, str]:
        """Adds the stages that this context needs (an index) and returns role -> key."""
        return {}

    def index(self, documents: Sequence[Document], folder: Path) -> dict[str, int]:
        """*Heavy.* Builds in ``folder`` the index that ``lower`` asked for.

        Returns:
            Token counts for the receipt, by name.
        """
        raise FtbenchError(f"{type(self).__name__} has no index, yet a plan asks for one. Compile the plan again")

    def ready(self) -> None:
        """*Heavy.* Imports and loads what ``requests`` needs whatever is asked, so that its time is not counted as that
        of requests.
        """

    @abstractmethod
    def requests(
        self,
        examples: Sequence[Example],
        pool: Sequence[Example],
        documents: Sequence[Document],
        folders: dict[str, Path],
        seed: int,
    ) -> list[Request]:
        """*Heavy.* Returns one request per example, in order.

        Args:
            examples: that are asked.
            pool: the train split; an example is never its own shot.
            documents: where ``lower`` names the documents stage.
            folders: finished stages that ``lower`` named, by role.
            seed: of the cell.
        """

    def sketch(self, examples: Sequence[Example], splits: Splits, seed: int) -> list[Request] | None:
        """Returns requests as long as the real ones, made from the splits alone: what a forecast counts the tokens of.
        None, the default, leaves answering without a forecast.
        """
        return None

    def check_training(self, share: float) -> list[Problem]:
        """Returns why a ``share`` of the training rows cannot carry what this context shows."""
        why = f"{share} of the rows would carry what this context does not retrieve"
        return [Problem("method.train_context", why, "Set it to null, or take context=rag")]

    def training_requests(
        self,
        examples: Sequence[Example],
        documents: Sequence[Document],
        folders: dict[str, Path],
        gold_share: float,
        seed: int,
    ) -> list[Request]:
        """*Heavy.* Returns training rows with what this context shows, for one that ``check_training`` allows."""
        raise FtbenchError(f"{type(self).__name__} cannot be trained within. Compile the plan again")
