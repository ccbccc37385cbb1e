"""Paired comparisons of cells over the same examples, adjusted over a declared family, and the ranks that they allow.

A pair is judged by its differences within clusters, so what makes an example hard cancels (mistake 23). If two
cells were equal, each cluster's difference could as well have had the other sign: the studentised difference is
compared with what random signs give (a wild cluster bootstrap with the null imposed, Cameron, Gelbach and Miller 2008).
For right or wrong answers that is McNemar's test; over few clusters it stays honest, and m clusters that differ can
prove no more than m coins falling the same way. All pairs of a family share the signs, and the largest of their
statistics sets the bar (max-T, Westfall and Young): unlike Holm it needs no p-values finer than the resamples give, and
it knows that the cells share their examples (mistake 25). Corpus metrics enter by their jackknife pseudo-values, which
average to the metric.

One interval decides everything that is said of a pair. Clear of 0: one is better. Within the margin: equivalent. Above
minus the margin: not worse by as much as the margin. None of these: undecided, which is no kind of equality (number
26).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ftbench.stats.family import pairs_of
from ftbench.stats.intervals import Value
from ftbench.stats.resample import cluster_sums, clusters, on_grid, random_signs

BETTER, WORSE, EQUIVALENT, NOT_WORSE, NOT_BETTER, UNDECIDED = (
    "better",
    "worse",
    "equivalent",
    "not worse",
    "not better",
    "undecided",
)
VERDICTS = (BETTER, WORSE, EQUIVALENT, NOT_WORSE, NOT_BETTER, UNDECIDED)


@dataclass(frozen=True)
class Difference:
    """``first`` minus ``second`` on the same examples.

    Attributes:
        value: the difference of the two metric values.
        low, high: interval, simultaneous over the family; None where nothing can be said.
        p: two-sided, for this pair alone.
        p_adjusted: two-sided, over the family.
        tie: the two are not told apart. That is no proof that they are equal (docs/mistakes.md, number 26).
        clusters: independent clusters; ``differing``: those in which the two cells differ at all.
        family: number of pairs adjusted for.
        margin: the smallest gap that matters, in points of the metric; None where nobody said.
        verdict: what may be said of ``first`` against ``second``, one of ``VERDICTS``. ``not worse`` and ``not better``
            (by as much as the margin) and ``equivalent`` need a margin.
        within_margin: the whole interval lies within the margin; a verdict of ``better`` is then real and small.
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
    margin: float | None
    verdict: str
    within_margin: bool

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Compared:
    """All differences of a family of cells.

    Attributes:
        declared: the pairs of the declared family, in the order of the cells.
        known: every pair that may be spoken of at the same error rate. Against the best, which the data choose, the
            largest of all gaps sets the bar, so all pairs are known at no extra price.
    """

    declared: tuple[Difference, ...]
    known: tuple[Difference, ...]


def compare(
    cells: Mapping[str, np.ndarray],
    value: Value,
    ids: Sequence[str],
    groups: Sequence[str | None],
    *,
    confidence: float,
    resamples: int,
    seed: int,
    family: str,
    baselines: Sequence[str] = (),
    margin: float | None = None,
    higher_is_better: bool = True,
) -> Compared:
    """Compares the pairs of a family.

    Args:
        cells: name -> sufficient statistics float64 [n, k], rows in the order of ``ids`` for every cell.
        value: the metric of summed statistics.
        ids: id of each example.
        groups: group of each example, None where it stands alone.
        confidence: such as 0.95; one minus it bounds the chance of any wrong claim in the family.
        resamples: number of random signs for each cluster.
        seed: of the signs.
        family: ``best``, ``baseline`` or ``all``; see ``ftbench.stats.family``.
        baselines: names of the cells that ``family="baseline"`` compares with.
        margin: the smallest gap that matters, or None.
        higher_is_better: which way is up.

    Raises:
        ValueError: when a cell's statistics are not over these examples.
    """
    names = list(cells)
    for name in names:
        if len(cells[name]) != len(ids):
            raise ValueError(
                f"{name} has {len(cells[name])} rows where {len(ids)} examples are compared; a pair needs the same"
                " examples"
            )
    codes = clusters(ids, groups)
    sums = [cluster_sums(np.asarray(cells[name], dtype=np.float64), codes) for name in names]
    size = len(sums[0]) if sums else 0
    points = np.array([float(value(table[:, :-1].sum(axis=0), table[:, -1].sum())) for table in sums])
    declared, known = pairs_of(names, points if higher_is_better else -points, family, baselines)
    if not known:
        return Compared((), ())
    if size < 2:
        found = {pair: _unknown(names, points, pair, size, len(known), margin, sums) for pair in known}
    else:
        found = _tested(names, sums, value, points, known, confidence, resamples, seed, margin, higher_is_better)
    return Compared(tuple(found[pair] for pair in declared), tuple(found.values()))


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
    """Compares every pair of cells, without a margin; see ``compare``."""
    found = compare(cells, value, ids, groups, confidence=confidence, resamples=resamples, seed=seed, family="all")
    return list(found.declared)


def rank_ranges(
    values: Mapping[str, float], differences: Sequence[Difference], higher_is_better: bool
) -> dict[str, tuple[int, int]]:
    """Returns name -> (best, worst) rank that the comparisons leave open; ties overlap (docs/mistakes.md, number 28).

    The best rank is one more than the number of cells told to be better, the worst leaves only those told to be worse
    behind.
    """
    better = dict.fromkeys(values, 0)
    worse = dict.fromkeys(values, 0)
    for difference in differences:
        if difference.tie:
            continue
        winner, loser = (
            (difference.first, difference.second)
            if (difference.value > 0) == higher_is_better
            else (difference.second, difference.first)
        )
        better[loser] += 1
        worse[winner] += 1
    return {name: (1 + better[name], len(values) - worse[name]) for name in values}


def _tested(
    names: list[str],
    sums: list[np.ndarray],
    value: Value,
    points: np.ndarray,
    pairs: Sequence[tuple[int, int]],
    confidence: float,
    resamples: int,
    seed: int,
    margin: float | None,
    higher_is_better: bool,
) -> dict[tuple[int, int], Difference]:
    size = len(sums[0])
    pseudo = on_grid(
        np.column_stack([_pseudo_values(table, value, point) for table, point in zip(sums, points, strict=True)])
    )
    flipped = random_signs(size, resamples, seed) @ pseudo
    gaps = np.array([points[i] - points[j] for i, j in pairs])
    widest = np.zeros(resamples)
    errors, own, scores = np.zeros(len(pairs)), np.zeros(len(pairs), dtype=np.int64), np.zeros(len(pairs))
    for index, (i, j) in enumerate(pairs):
        each = pseudo[:, i] - pseudo[:, j]
        errors[index] = each.std(ddof=1) / np.sqrt(size)
        if errors[index] > 1e-12 * max(1.0, abs(gaps[index])):
            null = _studentised(flipped[:, i] - flipped[:, j], float(each @ each), size)
            np.maximum(widest, null, out=widest)
            # signs that give back what was observed must count, whatever rounding makes of them
            scores[index] = abs(gaps[index]) / errors[index] * (1 - 1e-9)
            own[index] = int((null >= scores[index]).sum())
        else:
            errors[index] = 0.0
            scores[index] = np.inf if gaps[index] != 0 else 0.0
            own[index] = 0 if gaps[index] != 0 else resamples

    alpha = 1 - confidence
    # the smallest score that leaves at most alpha of the resamples (the observed one counted) at or above it
    allowed = int(np.floor(alpha * (resamples + 1) + 1e-9)) - 1
    widest.sort()
    critical = float(widest[resamples - 1 - allowed]) if 0 <= allowed < resamples else np.inf
    unseen = unseen_half(sums, value, alpha)
    results = {}
    for index, (i, j) in enumerate(pairs):
        gap = float(gaps[index])
        differing = int(np.any(sums[i] != sums[j], axis=1).sum())
        p = max((1 + own[index]) / (resamples + 1), min(1.0, 2.0 ** (1 - differing)))
        beyond = resamples - int(np.searchsorted(widest, scores[index], side="left"))
        p_adjusted = max((1 + beyond) / (resamples + 1), p) if scores[index] > 0 else 1.0
        tie = bool(p_adjusted > alpha)
        half = float(critical * errors[index]) if errors[index] > 0 else unseen
        low, high = gap - half, gap + half
        if tie:
            low, high = min(low, 0.0), max(high, 0.0)
        # where nothing moves anywhere there is nothing to judge equality by
        verdict, within = _verdict(gap, low, high, tie, margin if half > 0 else None, higher_is_better)
        results[i, j] = Difference(
            names[i],
            names[j],
            gap,
            _finite(low),
            _finite(high),
            min(float(p), 1.0),
            min(float(p_adjusted), 1.0),
            tie,
            size,
            differing,
            len(pairs),
            margin,
            verdict,
            within,
        )
    return results


def _pseudo_values(table: np.ndarray, value: Value, point: float) -> np.ndarray:
    """Returns [clusters], the jackknife's pseudo-values of the metric, moved so that their mean is the metric
    itself.
    """
    size = len(table)
    without = table.sum(axis=0) - table
    left = np.asarray(value(without[:, :-1], without[:, -1]), dtype=np.float64)
    left = np.where(np.isfinite(left), left, point)
    return np.asarray(point + (size - 1) * (left.mean() - left))


def _studentised(sums: np.ndarray, squares: float, size: int) -> np.ndarray:
    """Returns |t| [resamples] of differences whose signed sums are ``sums`` and whose squares add up to ``squares``."""
    variance = np.maximum(squares - sums * sums / size, 0.0) / (size - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sums == 0, 0.0, np.abs(sums) / np.sqrt(size * variance))


def _verdict(
    gap: float, low: float, high: float, tie: bool, margin: float | None, higher_is_better: bool
) -> tuple[str, bool]:
    within = margin is not None and -margin < low and high < margin
    if not tie:
        return (BETTER if (gap > 0) == higher_is_better else WORSE), within
    if margin is None:
        return UNDECIDED, False
    if within:
        return EQUIVALENT, True
    if -margin < low:
        return (NOT_WORSE if higher_is_better else NOT_BETTER), False
    if high < margin:
        return (NOT_BETTER if higher_is_better else NOT_WORSE), False
    return UNDECIDED, False


def unseen_half(sums: Sequence[np.ndarray], value: Value, alpha: float) -> float:
    """Returns half the interval of a difference that no cluster shows; 0 where the metric moves nowhere.

    Sides that never differ over so many clusters may still differ in the share of all there are that the "rule of
    three" leaves, each time by as much as the metric moves between clusters and sides.

    Args:
        sums: per side, cluster sums float64 [clusters, k + 1], the last column being n.
    """
    with np.errstate(all="ignore"):
        seen = np.concatenate([np.asarray(value(table[:, :-1], table[:, -1]), dtype=np.float64) for table in sums])
    seen = seen[np.isfinite(seen)]
    return (1 - alpha ** (1 / len(sums[0]))) * float(np.ptp(seen)) if len(seen) else 0.0


def _finite(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None


def _unknown(
    names: list[str],
    points: np.ndarray,
    pair: tuple[int, int],
    size: int,
    family: int,
    margin: float | None,
    sums: list[np.ndarray],
) -> Difference:
    i, j = pair
    differing = int(np.any(sums[i] != sums[j], axis=1).sum())
    return Difference(
        names[i],
        names[j],
        float(points[i] - points[j]),
        None,
        None,
        1.0,
        1.0,
        True,
        size,
        differing,
        family,
        margin,
        UNDECIDED,
        False,
    )
