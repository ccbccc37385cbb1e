"""The base class of the metric axis: one score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ftbench.core.component import Component


@dataclass(frozen=True)
class Metric(Component, ABC):
    """One score. Corpus metrics are aggregated as corpora: from per-example sufficient statistics, never from means.

    Attributes:
        name: in tables and files.
        reads: ``outputs``, ``likelihood`` or ``judgements``: the file whose rows are scored.
        higher_is_better: which way is up.
        comparable_across_tokenizers: whether models with other tokenizers may be ranked by it.
        is_mean: whether totals over n is a mean, so that 0/1 scores may take a Wilson interval.
        highest: end of the range that starts at 0, None where it is not known; a plan takes half of it for the spread
            of differences.
        whole_rows: whether it reads more of a row than ``evaluate`` has columns for.
        advisory: whether cells are ranked by it only where the user says so.
    """

    axis: ClassVar[str] = "metric"
    reads: ClassVar[str] = "outputs"
    higher_is_better: ClassVar[bool] = True
    comparable_across_tokenizers: ClassVar[bool] = True
    is_mean: ClassVar[bool] = False
    highest: ClassVar[float | None] = None
    whole_rows: ClassVar[bool] = False
    advisory: ClassVar[bool] = False

    name: str

    @abstractmethod
    def statistics(self, rows: Sequence[dict[str, Any]]) -> np.ndarray:
        """Returns float64 [n, k], the sufficient statistics of each row."""

    @abstractmethod
    def value(self, totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Returns the metric [...] of summed statistics [..., k] over n [...] examples; works on whole resamples at
        once.
        """

    @abstractmethod
    def signature(self) -> str:
        """Says how the number was made, in the field's own notation where there is one."""

    def signature_of(self, rows: Sequence[dict[str, Any]]) -> str:
        """Returns the signature for these rows, where it depends on them."""
        return self.signature()

    def corpus(self, rows: Sequence[dict[str, Any]]) -> float:
        """Returns the metric of all rows, as the library computes it where there is one."""
        return float(self.value(self.statistics(rows).sum(axis=0), np.asarray(float(len(rows)))))

    def why_not(self, rows: Sequence[dict[str, Any]]) -> str:
        """Says why there is no value over these rows."""
        return "not a finite number over these rows"

    def place(self) -> str | None:
        """Returns ``file:line`` of a user's code that is called here, None where there is none."""
        return None
