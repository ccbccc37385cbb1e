"""``statistics.npz``: the sufficient statistics of one cell on one split, enough for any interval, slice or
comparison.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FILE = "statistics.npz"
METRIC = "metric:"
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Sufficient:
    """Per-example statistics of one cell.

    Attributes:
        ids: id of each example, in split order.
        groups: group of each example, None where it stands alone.
        slices: column -> value of each example.
        metrics: metric -> float64 [n, k].
    """

    ids: tuple[str, ...]
    groups: tuple[str | None, ...]
    slices: tuple[dict[str, str], ...]
    metrics: dict[str, np.ndarray]

    def write(self, folder: Path) -> None:
        """Writes the arrays ``ids, groups, slices`` and ``metric:<name>``; the same values always give the same bytes.

        ``groups`` and ``slices`` hold JSON text per example (``null`` for no group).
        """
        arrays: dict[str, np.ndarray] = {
            "ids": _texts(self.ids),
            "groups": _texts([json.dumps(group, ensure_ascii=False) for group in self.groups]),
            "slices": _texts([json.dumps(row, ensure_ascii=False, sort_keys=True) for row in self.slices]),
            **{METRIC + name: np.ascontiguousarray(table, dtype=np.float64) for name, table in self.metrics.items()},
        }
        write_arrays(folder / FILE, arrays)

    @classmethod
    def read(cls, folder: Path) -> Sufficient:
        with np.load(folder / FILE, allow_pickle=False) as arrays:
            return cls(
                ids=tuple(arrays["ids"].tolist()),
                groups=_loaded(arrays["groups"]),
                slices=_loaded(arrays["slices"]),
                metrics={name.removeprefix(METRIC): arrays[name] for name in arrays.files if name.startswith(METRIC)},
            )


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes an ``.npz`` whose bytes depend on its content alone; ``numpy.savez`` puts the time of day into it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", EPOCH)
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def _texts(values: Sequence[str]) -> np.ndarray:
    return np.array(list(values), dtype=np.str_)


def _loaded(texts: np.ndarray) -> tuple[Any, ...]:
    """Returns the values of an array of JSON texts; each distinct text is read once, since groups and slices repeat."""
    words = texts.tolist()
    known = {text: json.loads(text) for text in set(words)}
    return tuple(known[text] for text in words)
