"""What raters are asked: the instructions and the dimensions, the first of which decides.

A rubric is a YAML file like ``pairwise.yaml`` and ``rating.yaml`` beside this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from ftbench.core.errors import FtbenchError, did_you_mean

PAIRWISE, RATING = "pairwise", "rating"
MODES = (PAIRWISE, RATING)
PREFERENCE, SCALE, TEXT = "preference", "rating", "text"
KINDS = (PREFERENCE, SCALE, TEXT)
SIDES = ("left", "right", "tie", "both bad")
"""What a rater may say of two answers, as it stands in the sheets."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
TAKEN = ("item", "rater", "question", "reference", "left", "right", "answer")
"""Names of the other columns of a sheet."""


@dataclass(frozen=True)
class Dimension:
    """One thing that is asked.

    Attributes:
        name: short, such as ``correctness``.
        kind: ``preference`` (left, right, tie, both bad), ``rating`` (a whole number from low to high) or ``text``.
        help: one line for the rater.
        low, high: ends of the scale of a rating; 0 otherwise.
    """

    name: str
    kind: str
    help: str
    low: int = 0
    high: int = 0

    def allowed(self) -> tuple[str, ...]:
        """Returns the values that a sheet may hold; empty for text."""
        if self.kind == PREFERENCE:
            return SIDES
        return tuple(str(value) for value in range(self.low, self.high + 1)) if self.kind == SCALE else ()


@dataclass(frozen=True)
class Rubric:
    """A title, instructions, and dimensions; the first dimension is the verdict, the others are beside it."""

    mode: str
    title: str
    instructions: str
    dimensions: tuple[Dimension, ...]

    def dimension(self, name: str) -> Dimension:
        return next(one for one in self.dimensions if one.name == name)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Rubric:
        return cls(
            data["mode"], data["title"], data["instructions"], tuple(Dimension(**one) for one in data["dimensions"])
        )

    def chosen(self, names: Sequence[str] | None) -> Rubric:
        """Returns the rubric with its verdict and these further dimensions; None keeps all for ratings and comments for
        pairs.

        Raises:
            FtbenchError: for a name that the rubric does not have.
        """
        rest = [one.name for one in self.dimensions[1:]]
        if names is None:
            names = rest if self.mode == RATING else [one.name for one in self.dimensions[1:] if one.kind == TEXT]
        for name in names:
            if name not in rest and name != self.dimensions[0].name:
                raise FtbenchError(f"--dimensions {name}: the rubric has no such dimension. {did_you_mean(name, rest)}")
        return replace(
            self, dimensions=(self.dimensions[0], *(one for one in self.dimensions[1:] if one.name in names))
        )


def read_rubric(mode: str, path: Path | None) -> Rubric:
    """Reads a rubric, or the one that ships for the mode.

    Raises:
        FtbenchError: one line for a file that is no rubric.
    """
    file = path or Path(__file__).with_name(f"{mode}.yaml")
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise FtbenchError(f"--rubric {file}: cannot be read ({error.strerror}). Name a YAML file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FtbenchError(f"--rubric {file}: is no YAML ({' '.join(str(error).split())[:160]})") from None
    need = "Give title, instructions and dimensions, as ftbench/review/pairwise.yaml does"
    if (
        not isinstance(data, dict)
        or not all(isinstance(data.get(key), str) for key in ("title", "instructions"))
        or not isinstance(data.get("dimensions"), list)
    ):
        raise FtbenchError(f"--rubric {file}: is no rubric. {need}")
    dimensions = tuple(_dimension(file, index, entry) for index, entry in enumerate(data["dimensions"]))
    names = [one.name for one in dimensions]
    wanted = PREFERENCE if mode == PAIRWISE else SCALE
    if not dimensions or dimensions[0].kind != wanted:
        raise FtbenchError(
            f"--rubric {file}: the first dimension is the verdict and must be of kind {wanted} in mode {mode}"
        )
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise FtbenchError(f"--rubric {file}: dimension {double} stands there twice. Rename one")
    if mode == RATING and any(one.kind == PREFERENCE for one in dimensions):
        raise FtbenchError(
            f"--rubric {file}: one answer at a time has no left and right. Give its dimensions kind rating or text"
        )
    return Rubric(mode, data["title"].strip(), data["instructions"].strip(), dimensions)


def _dimension(file: Path, index: int, entry: Any) -> Dimension:
    where = f"--rubric {file}: dimension {index + 1}"
    if not isinstance(entry, dict) or not _NAME.fullmatch(str(entry.get("name", ""))) or entry["name"] in TAKEN:
        raise FtbenchError(f"{where}: needs a name of small letters, digits and _, other than {', '.join(TAKEN)}")
    unknown = set(entry) - {"name", "kind", "help", "low", "high"}
    if unknown:
        raise FtbenchError(f"{where}: {sorted(unknown)[0]}: no such key. There are name, kind, help, low, high")
    kind = entry.get("kind")
    if kind not in KINDS:
        raise FtbenchError(f"{where}: kind {kind!r} is none of {', '.join(KINDS)}")
    low, high = (entry.get("low", 1), entry.get("high", 5)) if kind == SCALE else (0, 0)
    if kind == SCALE and not (type(low) is int and type(high) is int and 0 <= low < high <= 9):
        raise FtbenchError(
            f"{where}: a scale goes from low to high, whole numbers from 0 to 9 (one key each), not {low!r} to {high!r}"
        )
    return Dimension(entry["name"], kind, str(entry.get("help", "")), low, high)
