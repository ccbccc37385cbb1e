"""Labels: which of the evaluation set's labels an answer names, how often it is the right one, and macro-F1 over them.

The labels are those of the references, so every cell over the same examples is judged by the same list. An answer names
the label that it equals after normalization, else the only label that stands in it as whole words; else none, which is
wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ftbench.core.components.metric import Metric
from ftbench.core.errors import Problem, did_you_mean
from ftbench.metrics.normalize import NORMALIZATIONS


@dataclass(frozen=True)
class LabelMetric(Metric):
    """What accuracy and macro-F1 share.

    Attributes:
        normalization: of labels and answers; see ``ftbench.metrics.normalize``.
    """

    KEY_NAMES: ClassVar[Mapping[str, str]] = {"normalization": "normalisation"}

    normalization: str

    def check(self) -> list[Problem]:
        if self.normalization in NORMALIZATIONS:
            return []
        fix = did_you_mean(self.normalization, NORMALIZATIONS)
        return [Problem(f"{self.name}.normalization", f"{self.normalization!r} is not offered", fix)]

    def read(self, rows: Sequence[dict[str, Any]]) -> tuple[list[str], list[str | None], list[list[str]]]:
        """Returns the labels in order, the label that each answer names, and those that are right for it, main one
        first.
        """
        normalize = NORMALIZATIONS[self.normalization]
        right = [[normalize(reference) for reference in row["references"]] or [""] for row in rows]
        labels = sorted({label for own in right for label in own})
        split = {label: label.split() for label in labels}
        named = [None if row["finish"] == "error" else _named(normalize(row["output"]), split) for row in rows]
        return labels, named, right


@dataclass(frozen=True)
class Accuracy(LabelMetric):
    """Share of answers that name a right label, 0 to 1."""

    key_name: ClassVar[str] = "accuracy"

    is_mean: ClassVar[bool] = True
    highest: ClassVar[float] = 1.0

    def statistics(self, rows: Sequence[dict[str, Any]]) -> np.ndarray:
        """Returns float64 [n, 1]: 1 where the named label is right."""
        _, named, right = self.read(rows)
        return np.array([[float(one in own)] for one, own in zip(named, right, strict=True)], dtype=np.float64).reshape(
            len(rows), 1
        )

    def value(self, totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        n = np.asarray(n, dtype=np.float64)
        return np.asarray(totals, dtype=np.float64)[..., 0] / np.where(n > 0, n, np.nan)

    def signature(self) -> str:
        return (
            "accuracy|0-1|labels:of the references|named:equal, else the only one"
            f" contained|normalise:{self.normalization}"
        )


@dataclass(frozen=True)
class MacroF1(LabelMetric):
    """F1 of each label that stands in the references, averaged with equal weights, 0 to 1."""

    key_name: ClassVar[str] = "macro_f1"

    highest: ClassVar[float] = 1.0

    def statistics(self, rows: Sequence[dict[str, Any]]) -> np.ndarray:
        """Returns float64 [n, 3 * labels]: right, named and wanted, label by label; of several right labels the main
        one is wanted.
        """
        labels, named, right = self.read(rows)
        place = {label: index for index, label in enumerate(labels)}
        table = np.zeros((len(rows), 3 * max(len(labels), 1)))
        for index, (one, own) in enumerate(zip(named, right, strict=True)):
            wanted = one if one in own else own[0]
            table[index, 3 * place[wanted] + 2] = 1
            if one is not None:
                table[index, 3 * place[one] + 1] = 1
                table[index, 3 * place[one]] = float(one in own)
        return table

    def value(self, totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Returns macro-F1 [...] over the labels that occur, wanted or named; NaN where none does."""
        totals = np.asarray(totals, dtype=np.float64)
        right, both = totals[..., 0::3], totals[..., 1::3] + totals[..., 2::3]
        seen = both > 0
        f1 = np.where(seen, 2 * right / np.where(seen, both, 1.0), 0.0)
        count = seen.sum(axis=-1)
        return f1.sum(axis=-1) / np.where(count > 0, count, np.nan)

    def signature(self) -> str:
        return (
            "macro_f1|0-1|labels:of the references|named:equal, else the only one"
            f" contained|normalise:{self.normalization}"
        )


def _named(text: str, labels: dict[str, list[str]]) -> str | None:
    if text in labels:
        return text
    words = text.split()
    found = [
        label
        for label, wanted in labels.items()
        if wanted and any(words[i : i + len(wanted)] == wanted for i in range(len(words) - len(wanted) + 1))
    ]
    # "card" stands in "lost card": the longer label is meant where it holds all the others
    widest = max(found, key=lambda label: len(labels[label]), default=None)
    return widest if widest is not None and all(f" {label} " in f" {widest} " for label in found) else None
