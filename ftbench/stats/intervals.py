"""Confidence intervals of one metric on one set of examples.

The bootstrap interval is the percentile interval with Hesterberg's expanded quantiles (2015, "What teachers should know
about the bootstrap"): it keeps to the metric's own range and scale, which BLEU and shares near 0 or 1 need, and its
quantiles are moved outwards by the t distribution, which cures the plain percentile interval's false confidence over
few clusters. Shares take the Wilson interval, which stays honest at 0 of n and n of n; over groups it is given the
number of independent rows that the groups are worth, and t for the normal quantile (Korn and Graubard 1998).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ftbench.stats.resample import cluster_sums, clusters, resampled

Value = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""``value(totals [..., k], n [...]) -> [...]``, as in ``ftbench.core.components.metric.Metric``."""

FEW = 20
"""Fewer independent groups or examples than this earn a warning: over 10 groups a 95% interval covers about 92%."""


@dataclass(frozen=True)
class Interval:
    """Limits of an interval and how they were found; both None where there is none, and ``method`` says why.

    Attributes:
        warning: one line where the interval rests on fewer than ``FEW`` independent units, else None.
    """

    low: float | None
    high: float | None
    method: str
    warning: str | None = None


def interval(
    statistics: np.ndarray,
    value: Value,
    ids: Sequence[str],
    groups: Sequence[str | None],
    *,
    confidence: float,
    resamples: int,
    seed: int,
    is_mean: bool,
) -> Interval:
    """Returns the interval of a metric.

    Args:
        statistics: float64 [n, k], sufficient statistics of each example.
        value: the metric of summed statistics.
        ids: id of each example.
        groups: group of each example, None where it stands alone.
        confidence: such as 0.95.
        resamples: number of bootstrap resamples.
        seed: of the resamples.
        is_mean: whether the metric is the mean of ``statistics[:, 0]``.
    """
    codes = clusters(ids, groups)
    sums = cluster_sums(statistics, codes)
    size = len(sums)
    warning = few(size, len(ids))
    if size < 2:
        return Interval(
            None,
            None,
            f"no interval from {size} independent {'group' if size < len(ids) else 'example' if size else 'examples'}",
            warning,
        )
    if is_mean and bool(np.all(np.isin(statistics, (0.0, 1.0)))):
        if size == len(ids):
            return Interval(*wilson(float(statistics.sum()), size, confidence), "wilson", warning)
        return Interval(*wilson_clustered(sums[:, 0], sums[:, -1], confidence), f"wilson over {size} groups", warning)
    totals = resampled(sums, resamples, seed)
    values = np.asarray(value(totals[:, :-1], totals[:, -1]))
    values = values[np.isfinite(values)]
    point = float(value(sums[:, :-1].sum(axis=0), sums[:, -1].sum()))
    if not len(values) or not np.isfinite(point):
        return Interval(None, None, "no interval: the metric is not defined on the resamples", warning)
    tail = expanded_tail(size, confidence)
    low, high = np.quantile(values, [tail, 1 - tail])
    kind = "clusters" if size < len(ids) else "examples"
    return Interval(
        min(float(low), point), max(float(high), point), f"bootstrap over {size} {kind}, {resamples} resamples", warning
    )


def few(size: int, n: int) -> str | None:
    """Returns the warning that so few independent units deserve, None where there are enough."""
    if size >= FEW:
        return None
    unit = "example" if size == n else "group"
    return (
        f"only {size} independent {unit}{'' if size == 1 else 's'}: intervals and tests over fewer than {FEW} are rough"
    )


def expanded_tail(size: int, confidence: float) -> float:
    """Returns the tail probability at which to read a bootstrap distribution over ``size`` clusters."""
    from scipy.special import ndtr, stdtrit

    return float(ndtr(-np.sqrt(size / (size - 1)) * stdtrit(size - 1, (1 + confidence) / 2)))


def wilson(successes: float, n: float, confidence: float, quantile: float | None = None) -> tuple[float, float]:
    """Returns the Wilson score interval of a share; ``quantile`` replaces the normal one."""
    from scipy.special import ndtri

    z = float(ndtri((1 + confidence) / 2)) if quantile is None else quantile
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return min(max(float(middle - half), 0.0), share), max(min(float(middle + half), 1.0), share)


def wilson_clustered(successes: np.ndarray, sizes: np.ndarray, confidence: float) -> tuple[float, float]:
    """Returns the Wilson interval of a share over groups.

    The rows are worth as many independent ones as give the variance that the groups show, at most their number. Where
    every group scores the same their variance says nothing, and each group counts as one row.

    Args:
        successes: [groups], right answers of each group.
        sizes: [groups], rows of each group.
        confidence: such as 0.95.
    """
    from scipy.special import stdtrit

    count, n = len(sizes), float(sizes.sum())
    share = float(successes.sum()) / n
    residuals = successes - share * sizes
    variance = count / (count - 1) * float(residuals @ residuals) / (n * n)
    worth = share * (1 - share) / variance if variance > 0 else float(count)
    worth = min(worth, n)
    return wilson(share * worth, worth, confidence, float(stdtrit(count - 1, (1 + confidence) / 2)))
