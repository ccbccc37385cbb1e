"""Methods against methods: what several seeds add to a comparison of checkpoints (docs/mistakes.md, number 27).

A paired test over examples compares two checkpoints. Another seed would have made another checkpoint, so a sentence
about *methods* must carry the spread between seeds beside the sampling error of the examples. The two are kept apart:
more examples cure one, more seeds the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ftbench.stats.intervals import Value, interval
from ftbench.stats.paired import unseen_half
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

    @property
    def tie(self) -> bool:
        """Whether the two are not told apart."""
        return self.low <= 0 <= self.high

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class SeedMean:
    """The mean of one metric over the seeds of one configuration.

    Attributes:
        value: the mean over seeds.
        low, high: sampling interval of that mean over other examples, seeds held fixed; None where there is none.
        sd: standard deviation between seeds, None for one.
        lowest, highest: over the seeds.
        seeds: how many.
    """

    value: float
    low: float | None
    high: float | None
    sd: float | None
    lowest: float
    highest: float
    seeds: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def seed_mean(
    tables: Sequence[np.ndarray],
    value: Value,
    ids: Sequence[str],
    groups: Sequence[str | None],
    *,
    confidence: float,
    resamples: int,
    seed: int,
    is_mean: bool,
) -> SeedMean:
    """Returns the mean over seeds with both kinds of error apart.

    Args:
        tables: per seed, sufficient statistics float64 [n, k].
        value: the metric of summed statistics.
        ids, groups: of the examples.
        confidence, resamples, seed: of the sampling interval.
        is_mean: whether the metric is the mean of the first column.
    """
    width, count = tables[0].shape[1], len(tables)

    def mean(totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        parts = [value(totals[..., place * width : (place + 1) * width], n) for place in range(count)]
        return np.asarray(np.mean(parts, axis=0))

    points = [float(value(table.sum(axis=0), np.asarray(float(len(table))))) for table in tables]
    limits = interval(
        np.hstack(tables),
        mean if count > 1 else value,
        ids,
        groups,
        confidence=confidence,
        resamples=resamples,
        seed=seed,
        is_mean=is_mean and count == 1,
    )
    sd = float(np.std(points, ddof=1)) if count > 1 else None
    return SeedMean(float(np.mean(points)), limits.low, limits.high, sd, min(points), max(points), count)


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
    if max(len(first), len(second)) < 2:
        return None
    sides, pair = {"first": first, "second": second}, ("first", "second")
    gaps = method_gaps(sides, [pair], value, ids, groups, confidence=confidence, resamples=resamples, seed=seed)
    return gaps.get(pair)


def method_gaps(
    sides: Mapping[str, Sequence[np.ndarray]],
    pairs: Sequence[tuple[str, str]],
    value: Value,
    ids: Sequence[str],
    groups: Sequence[str | None],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> dict[tuple[str, str], MethodGap]:
    """Returns the gap of each pair of methods; of none over fewer than two groups.

    A side of one table counts as one without randomness: where it has some, its spread between seeds is not known and
    the pair is not to be asked for.

    Args:
        sides: method -> per seed, sufficient statistics float64 [n, k].
        pairs: which are compared.
        confidence: of each interval; over several pairs one minus it is to be divided by their number.
        value, ids, groups, resamples, seed: as for ``method_gap``.
    """
    codes = clusters(ids, groups)
    if not len(codes) or int(codes.max()) < 1:
        return {}
    points: dict[str, np.ndarray] = {}
    drawn: dict[str, np.ndarray] = {}
    sums: dict[str, list[np.ndarray]] = {}
    for name in dict.fromkeys(name for pair in pairs for name in pair):
        tables = sums[name] = [cluster_sums(np.asarray(table, dtype=np.float64), codes) for table in sides[name]]
        points[name] = np.array([float(value(table[:, :-1].sum(axis=0), table[:, -1].sum())) for table in tables])
        totals = [resampled(table, resamples, seed) for table in tables]  # every method meets the same resamples
        drawn[name] = np.mean(
            [np.asarray(value(table[:, :-1], table[:, -1]), dtype=np.float64) for table in totals], axis=0
        )
    size = int(codes.max()) + 1
    found = {}
    for first, second in pairs:
        unseen = unseen_half([*sums[first], *sums[second]], value, 1 - confidence)
        found[first, second] = _gap(
            points[first], points[second], drawn[first] - drawn[second], size, confidence, unseen
        )
    return found


def _gap(
    first: np.ndarray, second: np.ndarray, spread: np.ndarray, size: int, confidence: float, unseen: float
) -> MethodGap:
    sampling = float(spread[np.isfinite(spread)].std(ddof=1)) * math.sqrt(size / (size - 1))
    parts = [(sampling**2, size - 1)]
    parts += [
        (float(values.var(ddof=1)) / len(values), len(values) - 1) for values in (first, second) if len(values) > 1
    ]
    gap = float(first.mean() - second.mean())
    seeds = (len(first), len(second))
    seed_error = math.sqrt(sum(part for part, _ in parts[1:]))
    if sum(part for part, _ in parts) == 0:
        return MethodGap(gap, min(gap - unseen, 0.0), max(gap + unseen, 0.0), 1.0, sampling, seed_error, seeds)
    half = _half_width(parts, 1 - confidence)
    return MethodGap(gap, gap - half, gap + half, _p_value(parts, abs(gap)), sampling, seed_error, seeds)


def _half_width(parts: Sequence[tuple[float, int]], alpha: float) -> float:
    """Returns half the interval of a sum of independent errors, each of which is known by its own few degrees of
    freedom.

    The halves of the single intervals are added as squares (Howe 1974; Zou and Donner 2008 call it MOVER). Adding the
    variances and giving the sum Welch's degrees of freedom instead is wrong up to 13% of the time where 2 seeds happen
    to agree.

    Args:
        parts: variance of each error and its degrees of freedom.
    """
    from scipy.stats import t

    return math.sqrt(sum(float(t.isf(alpha / 2, freedom)) ** 2 * part for part, freedom in parts))


def _p_value(parts: Sequence[tuple[float, int]], gap: float) -> float:
    """Returns the largest error rate whose interval still holds 0."""
    from scipy.optimize import brentq

    least = 1e-12
    if gap >= _half_width(parts, least):
        return least
    # Sought by its logarithm: the tolerance of the search is absolute, and a small p is to be as exact as a large one.
    return (
        math.exp(brentq(lambda power: _half_width(parts, math.exp(power)) - gap, math.log(least), 0.0))
        if gap > 0
        else 1.0
    )
