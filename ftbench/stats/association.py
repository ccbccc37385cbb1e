"""How well one score goes with another over the same examples: rank correlations, and how often they agree on a sign.

Intervals by the cluster bootstrap: examples of one group are drawn together (docs/mistakes.md, number 24).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ftbench.stats.intervals import expanded_tail

Measure = Callable[[np.ndarray, np.ndarray], float]
MOST_RESAMPLES = 1000
"""Rank correlations have no sufficient statistics, so each resample costs a sort."""


@dataclass(frozen=True)
class Association:
    """One measure; ``low`` and ``high`` are None where no interval can be given, ``value`` where the measure is not
    defined.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def kendall(first: np.ndarray, second: np.ndarray) -> float:
    """Returns Kendall's tau-b; NaN where either does not vary."""
    from scipy.stats import kendalltau

    return float("nan") if not _varies(first, second) else float(kendalltau(first, second).statistic)


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Returns Spearman's rank correlation; NaN where either does not vary."""
    from scipy.stats import rankdata

    return float("nan") if not _varies(first, second) else float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])


def sign_agreement(first: np.ndarray, second: np.ndarray) -> float:
    """Returns how often ``first`` has the sign of ``second`` where ``second`` is not 0; a 0 of ``first`` is
    half right.
    """
    decided = second != 0
    if not decided.any():
        return float("nan")
    return float(((1 + np.sign(first[decided]) * np.sign(second[decided])) / 2).mean())


def over_both_sides(measure: Measure) -> Measure:
    """Returns a measure of differences between two systems in which each difference also counts from the other side.

    Nobody chose which system stands first; without the mirror images a rank correlation over several pairs of systems
    depends on it (docs/mistakes.md, number 43).
    """

    def measured(first: np.ndarray, second: np.ndarray) -> float:
        return measure(np.concatenate([first, -first]), np.concatenate([second, -second]))

    return measured


def association(
    measure: Measure,
    first: np.ndarray,
    second: np.ndarray,
    codes: np.ndarray,
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> Association:
    """Returns a measure of two scores with its interval.

    Args:
        measure: such as ``kendall``.
        first, second: float [n].
        codes: int [n], cluster of each row.
        confidence, resamples, seed: of the bootstrap; at most ``MOST_RESAMPLES`` are drawn.
    """
    n = len(first)
    value = measure(first, second) if n else float("nan")
    if not np.isfinite(value):
        return Association(None, None, None, n)
    dense = np.unique(codes, return_inverse=True)[1]
    members = [np.flatnonzero(dense == code) for code in range(int(dense.max()) + 1)]
    if len(members) < 2:
        return Association(value, None, None, n)
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(min(resamples, MOST_RESAMPLES)):
        rows = np.concatenate([members[code] for code in rng.integers(len(members), size=len(members))])
        drawn.append(measure(first[rows], second[rows]))
    kept = np.array(drawn)[np.isfinite(drawn)]
    if not len(kept):
        return Association(value, None, None, n)
    tail = expanded_tail(len(members), confidence)
    low, high = np.quantile(kept, [tail, 1 - tail])
    return Association(value, min(float(low), value), max(float(high), value), n)


def _varies(first: np.ndarray, second: np.ndarray) -> bool:
    return len(first) > 1 and bool(np.ptp(first) > 0) and bool(np.ptp(second) > 0)
