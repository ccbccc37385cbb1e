"""Methods against methods: what several seeds add to a comparison of checkpoints (DESIGN 6, number 27).

A paired test over examples compares two checkpoints. Another seed would have made another checkpoint, so a sentence about
*methods* must carry the spread between seeds beside the sampling error of the examples. The two are kept apart: more
examples cure one, more seeds the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ftbench.stats.intervals import Value
from ftbench.stats.resample import cluster_sums, clusters, resampled


@dataclass(frozen=True)
class MethodGap:
    """Mean over seeds of one method minus that of another.

    Attributes:
        value: the difference.
        low, high: interval over both kinds of error.
        p: two-sided.
        sampling_error: standard error from the examples, seeds held fixed.
        seed_error: standard error from the seeds, examples held fixed.
        seeds: how many on either side.
    """

    value: float
    low: float
    high: float
    p: float
    sampling_error: float
    seed_error: float
    seeds: tuple[int, int]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def method_gap(
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    value: Value,
    ids: Sequence[str],
    groups: Sequence[str | None],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> MethodGap | None:
    """Returns the gap of two methods; None where one of them varies by seed and has one, or over one group.

    Args:
        first, second: per seed, sufficient statistics float64 [n, k]. One table stands for a method without randomness.
        value: the metric of summed statistics.
        ids, groups: of the examples.
        confidence, resamples, seed: of the interval and its bootstrap.
    """
    from scipy.stats import t

    codes = clusters(ids, groups)
    tables = [cluster_sums(np.asarray(table, dtype=np.float64), codes) for table in (*first, *second)]
    size = len(tables[0])
    if size < 2 or max(len(first), len(second)) < 2:
        return None
    weights = np.array([1 / len(first)] * len(first) + [-1 / len(second)] * len(second))
    points = np.array([float(value(table[:, :-1].sum(axis=0), table[:, -1].sum())) for table in tables])
    totals = np.hsplit(resampled(np.hstack(tables), resamples, seed), len(tables))
    drawn = np.stack([np.asarray(value(table[:, :-1], table[:, -1]), dtype=np.float64) for table in totals])
    spread = weights @ drawn
    sampling = float(spread[np.isfinite(spread)].std(ddof=1)) * math.sqrt(size / (size - 1))
    parts = [(sampling**2, size - 1)]
    for values in (points[: len(first)], points[len(first) :]):
        if len(values) > 1:
            parts.append((float(values.var(ddof=1)) / len(values), len(values) - 1))
    error = math.sqrt(sum(part for part, _ in parts))
    gap = float(weights @ points)
    seeds = (len(first), len(second))
    seed_error = math.sqrt(sum(part for part, _ in parts[1:]))
    if error == 0:
        return MethodGap(gap, min(gap, 0.0), max(gap, 0.0), 1.0, sampling, seed_error, seeds)
    # Welch and Satterthwaite: how many degrees of freedom the sum of the parts is worth
    freedom = error**4 / sum(part**2 / own for part, own in parts)
    half = float(t.isf((1 - confidence) / 2, freedom)) * error
    return MethodGap(gap, gap - half, gap + half, 2 * float(t.sf(abs(gap) / error, freedom)), sampling, seed_error, seeds)
