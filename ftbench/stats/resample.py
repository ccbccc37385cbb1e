"""Cluster bootstrap of sufficient statistics.

Examples that share a group (a document, a customer) are drawn together, since they are not independent
(mistake 24). The draws depend on the number of clusters, the number of resamples and the seed alone, and clusters stand
in the order of their names: so every cell and every metric over the same examples meets the same resamples (number
23), and the order of the rows changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

CHUNK = 4_000_000


def clusters(ids: Sequence[str], groups: Sequence[str | None]) -> np.ndarray:
    """Returns int [n], the cluster of each example: its group, or itself where it has none."""
    names = [(1, group) if group is not None else (0, identity) for identity, group in zip(ids, groups, strict=True)]
    place = {name: index for index, name in enumerate(sorted(set(names)))}
    return np.array([place[name] for name in names], dtype=np.int64)


def cluster_sums(statistics: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Returns float64 [clusters, k + 1]: summed statistics of each cluster, its number of examples last."""
    size = int(codes.max()) + 1 if len(codes) else 0
    sums = np.zeros((size, statistics.shape[1] + 1))
    np.add.at(sums, codes, np.column_stack([statistics, np.ones(len(statistics))]))
    return sums


def resampled(sums: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Returns float64 [resamples, columns]: totals of as many clusters as there are, drawn with replacement.

    The totals are exact sums of ``on_grid(sums)``, so they depend neither on the order of adding nor on the number of
    threads. Tables of several cells may stand side by side in the columns: they then share every draw.

    Args:
        sums: [clusters, columns], such as from ``cluster_sums``.
        resamples: how many.
        seed: of the draws.
    """
    size = len(sums)
    rng = np.random.default_rng(seed)
    grid = on_grid(sums)
    totals = np.empty((resamples, sums.shape[1]))
    step = max(1, CHUNK // size)
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        draws = rng.integers(size, size=(count, size)) + np.arange(count)[:, None] * size
        weights = np.bincount(draws.ravel(), minlength=count * size).reshape(count, size).astype(np.float64)
        totals[start : start + count] = weights @ grid
    return totals


def random_signs(size: int, resamples: int, seed: int) -> np.ndarray:
    """Returns float64 [resamples, size] of 1 and -1, the same for every cell and metric over as many clusters."""
    bits = np.random.default_rng(seed).integers(2, size=(resamples, size), dtype=np.int8)
    return bits.astype(np.float64) * 2 - 1


def on_grid(sums: np.ndarray) -> np.ndarray:
    """Returns ``sums`` rounded to a multiple of a power of two, column by column, so that a resample adds up without
    rounding.

    A resample weighs the clusters with whole numbers that add up to their count, so with ``52 - log2(clusters)`` bits
    left to each value no sum needs more than the 53 bits of a double. Over 5,000 clusters a value moves by less than
    1e-11 of the column's largest; counts do not move at all.
    """
    bits = 52 - math.ceil(math.log2(max(len(sums), 2)))
    largest = np.abs(sums).max(axis=0, initial=0.0)
    usable = np.isfinite(largest) & (largest > 1e-290)  # below, the scale itself would overflow
    scale = np.exp2(bits - np.ceil(np.log2(np.where(usable, largest, 1.0))))
    return np.where(usable, np.round(np.where(usable, sums, 0.0) * scale) / scale, sums)
