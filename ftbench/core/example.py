"""The rows that every dataset becomes, whatever its file looked like, and the rows that models answer with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ftbench.core.files import read_jsonl

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Turn:
    """One chat turn. ``role`` is ``system``, ``user``, ``assistant`` or ``tool``."""

    role: str
    content: str


@dataclass(frozen=True)
class Example:
    """One row of a dataset.

    Attributes:
        id: unique within the dataset, as text.
        turns: everything that stands before the answer, oldest first (system, earlier turns, the question).
        target: the answer to train towards, or None for rows that are only evaluated.
        references: one or more acceptable answers; never empty in an evaluation split.
        group: source document, customer or thread; splits and intervals respect it. None when each row stands alone.
        time: sortable text or number, or None.
        slices: column -> value, reported separately.
        gold_documents: ids of the documents that hold the answer.
        chosen: the preferred answer of a preference row, or None.
        rejected: the other answer of a preference row, or None.
    """

    id: str
    turns: tuple[Turn, ...]
    target: str | None
    references: tuple[str, ...]
    group: str | None
    time: str | float | None
    slices: dict[str, str]
    gold_documents: tuple[str, ...]
    chosen: str | None
    rejected: str | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Example:
        turns = tuple(Turn(**turn) for turn in data["turns"])
        return cls(
            **{
                **data,
                "turns": turns,
                "references": tuple(data["references"]),
                "gold_documents": tuple(data["gold_documents"]),
            }
        )


@dataclass(frozen=True)
class Document:
    """One document of a retrieval corpus; ``time`` as that of an ``Example``, None where it is timeless."""

    id: str
    text: str
    time: str | float | None = None

    def as_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "time" or value is not None}


@dataclass(frozen=True)
class Splits:
    """A loaded dataset: frozen examples by split, its documents, and what was noticed while reading.

    Attributes:
        train, validation, test: examples in file order (or seeded order where they were split off).
        documents: the retrieval corpus; empty without one.
        notes: plain sentences for the person ("split off 55 test rows by group").
        counts: name -> number, for the plan and the receipt (rows read, dropped and why).
        places: id -> file and row, where rows come from files and have just been read; for messages only.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    documents: tuple[Document, ...]
    notes: tuple[str, ...]
    counts: dict[str, int]
    places: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def split(self, name: str) -> tuple[Example, ...]:
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]


def group_sizes(examples: Iterable[Example]) -> dict[str, int]:
    """Returns size of group -> how many groups have it, an example without a group being one of size 1; keys are text,
    for JSON.
    """
    named = Counter(example.group if example.group is not None else (example.id,) for example in examples)
    return {str(size): count for size, count in sorted(Counter(named.values()).items())}


@dataclass(frozen=True)
class Request:
    """What a context makes of an example: the turns that go to the model, and what it put there.

    Attributes:
        id: id of the example.
        turns: system, shots, documents and question as chat turns, last one the user's.
        shots: ids of the training rows shown as examples.
        documents: ids of the documents shown, best first.
        notes: anything else worth storing per request (retrieval scores, what was cut).
        shorter: makes the same request with its least important part left out (documents first, then shots); None when
            nothing is left but the question.
    """

    id: str
    turns: tuple[Turn, ...]
    shots: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    notes: dict[str, Any] | None = None
    shorter: Callable[[], Request] | None = field(default=None, compare=False, repr=False)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def read_examples(path: Path) -> list[Example]:
    return [Example.from_dict(row) for row in read_jsonl(path)]
