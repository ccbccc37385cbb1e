"""McNemar's test: where two cells are each right or wrong on the same examples, only those on which they disagree
speak.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ftbench.stats.resample import cluster_sums


@dataclass(frozen=True)
class McNemar:
    """One pair of right-or-wrong cells.

    Attributes:
        first_only: examples that only the first got right.
        second_only: examples that only the second got right.
        p: two-sided, for this pair alone.
        method: ``exact`` over independent examples, ``clustered`` over groups.
    """

    first_only: int
    second_only: int
    p: float
    method: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def mcnemar(first: np.ndarray, second: np.ndarray, codes: np.ndarray) -> McNemar | None:
    """Returns the test, None where a score is neither 0 nor 1.

    Over independent examples the exact binomial test; over groups Obuchowski's statistic (1998), in which each group's
    balance of disagreements counts once, against t over the groups.

    Args:
        first, second: [n] scores of the two cells.
        codes: [n] cluster of each example, from ``ftbench.stats.resample.clusters``.
    """
    from scipy.stats import binomtest, t

    gaps = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    if not (np.isin(first, (0.0, 1.0)).all() and np.isin(second, (0.0, 1.0)).all()):
        return None
    more, fewer = int((gaps > 0).sum()), int((gaps < 0).sum())
    groups = int(codes.max()) + 1 if len(codes) else 0
    if more + fewer == 0:
        return McNemar(more, fewer, 1.0, "exact" if groups == len(gaps) else "clustered")
    if groups == len(gaps):
        return McNemar(more, fewer, float(binomtest(more, more + fewer).pvalue), "exact")
    if groups < 2:
        return McNemar(more, fewer, 1.0, "clustered")
    balance = cluster_sums(gaps[:, None], codes)[:, 0]
    spread = float(np.sqrt(groups / (groups - 1) * ((balance - balance.mean()) ** 2).sum()))
    p = 2 * float(t.sf(abs(balance.sum()) / spread, groups - 1)) if spread > 0 else 0.0
    disagreeing = int((balance != 0).sum())
    return McNemar(more, fewer, min(1.0, max(p, 2.0 ** (1 - disagreeing))), "clustered")
