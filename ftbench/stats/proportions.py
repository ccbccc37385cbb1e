"""Shares over clustered rows: how often something holds, its interval, and whether it holds more often than not.

A share here may be of rows worth 0, 1 or something between (a tie counts one half). Rows of one cluster (the verdicts
of one example, the examples of one document) are not independent, so intervals and tests count clusters
(mistake 24).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ftbench.stats.intervals import wilson_clustered
from ftbench.stats.resample import cluster_sums


@dataclass(frozen=True)
class Share:
    """A share of rows.

    Attributes:
        value: the share, None over no rows.
        low, high: interval; None from fewer than two clusters.
        n: rows; ``clusters``: independent clusters of them.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def share(values: np.ndarray, codes: np.ndarray, confidence: float) -> Share:
    """Returns the mean of values between 0 and 1 with its Wilson interval over clusters.

    Args:
        values: float [n], each between 0 and 1.
        codes: int [n], cluster of each row.
        confidence: such as 0.95.
    """
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        return Share(None, None, None, 0, 0)
    sums = cluster_sums(values[:, None], _dense(codes))
    if len(sums) < 2:
        return Share(float(values.mean()), None, None, len(values), len(sums))
    low, high = wilson_clustered(sums[:, 0], sums[:, 1], confidence)
    return Share(float(values.mean()), low, high, len(values), len(sums))


@dataclass(frozen=True)
class SignTest:
    """Clusters that lean one way against those that lean the other.

    Attributes:
        positive, negative: clusters on either side; those that balance out say nothing.
        p: two-sided, exact.
    """

    positive: int
    negative: int
    p: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def sign_test(values: np.ndarray, codes: np.ndarray) -> SignTest:
    """Returns the exact sign test (a binomial test against one half) of the clusters' sums.

    Args:
        values: float [n], positive for one side, negative for the other.
        codes: int [n], cluster of each row; a cluster is one coin, whatever its size.
    """
    from scipy.stats import binomtest

    # thirds and halves that cancel must cancel: sums of a few verdicts differ from 0 by far more than rounding
    sums = cluster_sums(np.asarray(values, dtype=np.float64)[:, None], _dense(codes))[:, 0]
    positive, negative = int((sums > 1e-9).sum()), int((sums < -1e-9).sum())
    p = float(binomtest(positive, positive + negative).pvalue) if positive + negative else 1.0
    return SignTest(positive, negative, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns the p-values adjusted over their family (Holm 1979), in their own order."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _dense(codes: np.ndarray) -> np.ndarray:
    """Returns cluster codes without gaps, as a part of the rows leaves them."""
    return np.unique(np.asarray(codes), return_inverse=True)[1]
