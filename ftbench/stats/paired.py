"""Paired comparisons of cells over the same examples, adjusted over all pairs, and the ranks that they allow.

Every cell is resampled with the same clusters, so what makes an example hard cancels in the difference (DESIGN 6, number
23). Over all pairs at once the largest studentised difference is compared with its own bootstrap distribution (max-T,
Westfall and Young): unlike Holm it needs no p-values finer than the resamples give, and it knows that the cells share
their examples (number 25). Quantiles are moved outwards by the t distribution, as in ``ftbench.stats.intervals``.

A difference carried by m clusters can be no more certain than m coins falling the same way: p is at least 2 ** (1 - m).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ftbench.stats.intervals import Value
from ftbench.stats.resample import cluster_sums, clusters, resampled


@dataclass(frozen=True)
class Difference:
    """``first`` minus ``second`` on the same examples.

    Attributes:
        value: the difference of the two metric values.
        low, high: interval, simultaneous over the family; None where nothing can be said.
        p: two-sided, for this pair alone.
        p_adjusted: two-sided, over the family.
        tie: the two are not told apart. That is no proof that they are equal (DESIGN 6, number 26).
        clusters: independent clusters; ``differing``: those in which the two cells differ at all.
        family: number of pairs adjusted for.
    """

    first: str
    second: str
    value: float
    low: float | None
    high: float | None
    p: float
    p_adjusted: float
    tie: bool
    clusters: int
    differing: int
    family: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare_all(
    cells: Mapping[str, np.ndarray],
    value: Value,
    ids: Sequence[str],
    groups: Sequence[str | None],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> list[Difference]:
    """Compares every pair of cells.

    Args:
        cells: name -> sufficient statistics float64 [n, k], rows in the order of ``ids`` for every cell.
        value: the metric of summed statistics.
        ids: id of each example.
        groups: group of each example, None where it stands alone.
        confidence: such as 0.95.
        resamples: number of bootstrap resamples.
        seed: of the resamples.

    Returns:
        One difference per pair, in the order of ``cells``.

    Raises:
        ValueError: when a cell's statistics are not over these examples.
    """
    names = list(cells)
    for name in names:
        if len(cells[name]) != len(ids):
            raise ValueError(f"{name} has {len(cells[name])} rows where {len(ids)} examples are compared; a pair needs the same examples")
    codes = clusters(ids, groups)
    sums = [cluster_sums(np.asarray(cells[name]), codes) for name in names]
    pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
    if not pairs:
        return []
    size = len(sums[0])
    points = np.array([float(value(table[:, :-1].sum(axis=0), table[:, -1].sum())) for table in sums])
    differing = [int(np.any(sums[i] != sums[j], axis=1).sum()) for i, j in pairs]
    gaps = np.array([points[i] - points[j] for i, j in pairs])
    if size < 2:
        return [_unknown(names[i], names[j], float(gap), size, m, len(pairs)) for (i, j), gap, m in zip(pairs, gaps, differing, strict=True)]

    drawn = np.stack([_values(value, resampled(table, resamples, seed)) for table in sums])
    widest = np.zeros(resamples)
    errors, own = np.zeros(len(pairs)), np.zeros(len(pairs), dtype=np.int64)
    scores = np.zeros(len(pairs))
    for index, (i, j) in enumerate(pairs):
        spread = drawn[i] - drawn[j]
        spread = np.where(np.isfinite(spread), spread, gaps[index])
        errors[index] = spread.std(ddof=1)
        if errors[index] > 1e-12 * max(1.0, abs(gaps[index])):
            null = np.abs(spread - gaps[index]) / errors[index]
            np.maximum(widest, null, out=widest)
            scores[index] = _as_normal(abs(gaps[index]) / errors[index], size)
            own[index] = int((null >= scores[index]).sum())
        else:
            errors[index] = 0.0
            scores[index] = np.inf if gaps[index] != 0 else 0.0
            own[index] = 0 if gaps[index] != 0 else resamples

    alpha = 1 - confidence
    # the smallest score that leaves at most alpha of the resamples (the observed one counted) at or above it
    allowed = int(np.floor(alpha * (resamples + 1) + 1e-9)) - 1
    critical = np.sort(widest)[::-1][allowed] if 0 <= allowed < resamples else np.inf
    reach = _as_student(float(critical), size)
    results = []
    for index, (i, j) in enumerate(pairs):
        floor = min(1.0, 2.0 ** (1 - differing[index]))
        p = max((1 + own[index]) / (resamples + 1), floor)
        p_adjusted = max((1 + int((widest >= scores[index]).sum())) / (resamples + 1), p) if scores[index] > 0 else 1.0
        tie = p_adjusted > alpha
        half = reach * errors[index] if errors[index] > 0 else 0.0
        low, high = float(gaps[index] - half), float(gaps[index] + half)
        if tie:
            low, high = min(low, 0.0), max(high, 0.0)
        results.append(
            Difference(
                names[i], names[j], float(gaps[index]), _finite(low), _finite(high), min(float(p), 1.0), min(float(p_adjusted), 1.0), tie, size,
                differing[index], len(pairs),
            )
        )
    return results


def rank_ranges(values: Mapping[str, float], differences: Sequence[Difference], higher_is_better: bool) -> dict[str, tuple[int, int]]:
    """Returns name -> (best, worst) rank that the comparisons leave open; ties overlap (DESIGN 6, number 28).

    The best rank is one more than the number of cells told to be better, the worst leaves only those told to be worse behind.
    """
    better = dict.fromkeys(values, 0)
    worse = dict.fromkeys(values, 0)
    for difference in differences:
        if difference.tie:
            continue
        winner, loser = (difference.first, difference.second) if (difference.value > 0) == higher_is_better else (difference.second, difference.first)
        better[loser] += 1
        worse[winner] += 1
    return {name: (1 + better[name], len(values) - worse[name]) for name in values}


def _values(value: Value, totals: np.ndarray) -> np.ndarray:
    return np.asarray(value(totals[:, :-1], totals[:, -1]), dtype=np.float64)


def _as_normal(score: float, size: int) -> float:
    """Returns the bootstrap score that is as unlikely as this t score over ``size`` clusters."""
    from scipy.special import ndtri, stdtr

    tail = float(stdtr(size - 1, -score * np.sqrt((size - 1) / size)))
    return float(-ndtri(tail)) if tail > 0 else np.inf


def _as_student(score: float, size: int) -> float:
    from scipy.special import ndtr, stdtrit

    if not np.isfinite(score):
        return np.inf
    return float(-stdtrit(size - 1, ndtr(-score)) * np.sqrt(size / (size - 1)))


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None


def _unknown(first: str, second: str, gap: float, size: int, differing: int, family: int) -> Difference:
    return Difference(first, second, gap, None, None, 1.0, 1.0, True, size, differing, family)
