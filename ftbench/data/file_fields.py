"""The fields of ``dataset=files``: which files or hub data, and which columns are what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ftbench.core.components.dataset import Dataset


@dataclass(frozen=True)
class Limit:
    """The most rows to keep of each split; None keeps all."""

    train: int | None
    validation: int | None
    test: int | None


@dataclass(frozen=True)
class SplitRule:
    """Fractions of the training rows to hold out where a split names no data, the seed of their order, and whether to
    keep reworded rows together.
    """

    validation: float
    test: float
    seed: int
    alike: bool


@dataclass(frozen=True)
class FileFields(Dataset):
    """What a person declares of rows from files or the hub; ``conf/dataset/files.yaml`` explains each."""

    train: Any
    validation: Any
    test: Any
    prompt: Any
    target: Any
    system: Any
    references: str | None
    messages: str | None
    id: str | None
    group: str | None
    time: str | None
    slices: list[str]
    documents: Any
    document_id: str | None
    document_text: Any
    document_time: str | None
    gold_documents: str | None
    preferences: Any
    chosen: str | None
    rejected: str | None
    limit: Limit
    split: SplitRule
    answer_pattern: str | None
