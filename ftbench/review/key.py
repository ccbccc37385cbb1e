"""The key of a review: which item shows which texts of which systems. It stays in the sweep's folder and never goes out
with the sheets.

``SWEEP/review/keys/BATCH.json``, readable by its owner alone: ``items`` (item -> rater, example, group, sides,
repeat_of), ``identical`` (comparisons that nobody needs to judge), ``systems``, ``rubric``, and how the sample was
drawn. A text stands there as its sha256: a verdict belongs to the text that was judged, not to the cell that once wrote
it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.files import json_text, write_text
from ftbench.review.rubric import Rubric

FOLDER = "review"
KEYS = "keys"
FORMAT = 1


def text_digest(text: str) -> str:
    """Returns the sha256 of a generated text, to which verdicts belong; lone surrogates count as themselves."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Side:
    """One shown text: the cells that wrote it (several only where they wrote the same), and its digest."""

    cells: tuple[str, ...]
    digest: str


@dataclass(frozen=True)
class Item:
    """One showing, unblinded. ``sides`` from left to right; one in rating review."""

    item: str
    rater: str
    example: str
    group: str | None
    sides: tuple[Side, ...]
    repeat_of: str | None


@dataclass(frozen=True)
class Key:
    """One batch of sheets.

    Attributes:
        batch: random name.
        split: which examples were shown.
        systems: cell id -> label, in the order of ``--cells``: the first is the baseline unless said otherwise.
        rubric: what was asked.
        items: item -> what it shows.
        identical: dicts of ``example, group, cells`` (two ids) and ``digests``.
        settings: seed, n, raters, margin, stratify and the rest of the command.
    """

    batch: str
    split: str
    systems: dict[str, str]
    rubric: Rubric
    items: dict[str, Item]
    identical: tuple[dict[str, Any], ...]
    settings: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "batch": self.batch,
            "split": self.split,
            "systems": self.systems,
            "settings": self.settings,
            "rubric": self.rubric.as_dict(),
            "identical": list(self.identical),
            "items": {name: _item_dict(item) for name, item in self.items.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Key:
        items = {
            name: Item(
                name,
                one["rater"],
                one["example"],
                one["group"],
                tuple(Side(tuple(side["cells"]), side["digest"]) for side in one["sides"]),
                one["repeat_of"],
            )
            for name, one in data["items"].items()
        }
        return cls(
            data["batch"],
            data["split"],
            data["systems"],
            Rubric.from_dict(data["rubric"]),
            items,
            tuple(data["identical"]),
            data["settings"],
        )


def write_key(sweep: Path, key: Key) -> Path:
    """Writes the key where only its owner reads it."""
    folder = sweep / FOLDER / KEYS
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{key.batch}.json"
    write_text(path, json_text(key.as_dict()), private=True)
    return path


def read_keys(sweep: Path) -> list[Key]:
    """Reads all keys of a sweep, by name.

    Raises:
        FtbenchError: for a damaged one.
    """
    found = []
    for path in sorted((sweep / FOLDER / KEYS).glob("*.json")):
        try:
            found.append(Key.from_dict(json.loads(path.read_text(encoding="utf-8"))))
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise FtbenchError(
                f"{path}: is no key that can be read ({error}). Restore it, or make the sheets again with the same"
                " words"
            ) from None
    return found


def _item_dict(item: Item) -> dict[str, Any]:
    sides = [{"cells": list(side.cells), "digest": side.digest} for side in item.sides]
    return {
        "rater": item.rater,
        "example": item.example,
        "group": item.group,
        "sides": sides,
        "repeat_of": item.repeat_of,
    }
