"""Agreement between raters beyond chance: Cohen's and Fleiss' kappa, and Krippendorff's alpha.

* Cohen (1960): two raters, the units that both judged.
* Fleiss (1971): a fixed number of ratings per unit, from any raters.
* Krippendorff (2011, "Computing Krippendorff's Alpha-Reliability"): any number of raters, missing values, and a distance
  between values that fits their level of measurement.

None of them exists where only one value was ever used: agreement beyond chance cannot be told without variation.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from ftbench.stats.intervals import expanded_tail
from ftbench.stats.resample import cluster_sums, resampled

LEVELS = ("nominal", "ordinal", "interval")


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Returns Cohen's kappa of two raters.

    Args:
        first, second: [units] their values for the same units.

    Returns:
        None over no units, or where both used one and the same value throughout.
    """
    n = len(first)
    if n != len(second):
        raise ValueError(f"{n} values against {len(second)}; kappa is over the units that both rated")
    if not n:
        return None
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    expected = sum(sum(a == value for a in first) * sum(b == value for b in second) for value in {*first, *second}) / (n * n)
    return (observed - expected) / (1 - expected) if expected < 1 else None


def fleiss_kappa(counts: np.ndarray) -> float | None:
    """Returns Fleiss' kappa.

    Args:
        counts: [units, values] how many raters gave each unit each value; every row has the same sum, at least 2.

    Raises:
        ValueError: for rows of other sums; take Krippendorff's alpha there.
    """
    counts = np.asarray(counts, dtype=np.float64)
    if not len(counts):
        return None
    raters = counts.sum(axis=1)
    if raters.min() != raters.max() or raters[0] < 2:
        raise ValueError("Fleiss' kappa needs the same number of ratings, at least two, for every unit")
    m = raters[0]
    observed = float(((counts * counts).sum(axis=1) - m).mean() / (m * (m - 1)))
    expected = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return (observed - expected) / (1 - expected) if expected < 1 else None


def krippendorff_alpha(units: Sequence[Sequence[float]], level: str) -> float | None:
    """Returns Krippendorff's alpha.

    Args:
        units: for each unit the values it was given, by whichever raters, missing ones left out. Values are numbers;
            for ``nominal`` any number may stand for a category.
        level: one of ``LEVELS``.

    Returns:
        None where no unit has two values, or only one value was ever used.
    """
    values, rows = coincidences(units)
    return float(alpha_of(rows.sum(axis=0), values, level)) if len(rows) and len(values) > 1 else None


def alpha_interval(
    units: Sequence[Sequence[float]], codes: Sequence[int], level: str, *, confidence: float, resamples: int, seed: int
) -> tuple[float, float] | None:
    """Returns a bootstrap interval of alpha over clusters of units; None where there is no alpha or fewer than two clusters.

    Args:
        units: as for ``krippendorff_alpha``.
        codes: [units] cluster of each unit.
        level: one of ``LEVELS``.
        confidence, resamples, seed: of the bootstrap.
    """
    paired = [index for index, unit in enumerate(units) if len(unit) > 1]
    values, rows = coincidences(units)
    if len(values) < 2:
        return None
    sums = cluster_sums(rows, np.unique(np.asarray(codes)[paired], return_inverse=True)[1])
    if len(sums) < 2:
        return None
    drawn = alpha_of(resampled(sums[:, :-1], resamples, seed), values, level)
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return None
    tail = expanded_tail(len(sums), confidence)
    low, high = np.quantile(drawn, [tail, 1 - tail])
    point = krippendorff_alpha(units, level)
    return min(float(low), point), max(float(high), point)


def coincidences(units: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the values in use, sorted, and each pairable unit's part of the coincidence matrix, flat: [units, values * values]."""
    paired = [unit for unit in units if len(unit) > 1]
    values = np.unique(np.concatenate([np.asarray(unit, dtype=np.float64) for unit in paired])) if paired else np.zeros(0)
    rows = np.zeros((len(paired), len(values) ** 2))
    for index, unit in enumerate(paired):
        held = np.bincount(np.searchsorted(values, unit), minlength=len(values)).astype(np.float64)
        rows[index] = ((np.outer(held, held) - np.diag(held)) / (len(unit) - 1)).ravel()
    return values, rows


def alpha_of(flat: np.ndarray, values: np.ndarray, level: str) -> np.ndarray:
    """Returns alpha of coincidence matrices.

    Args:
        flat: [..., values * values].
        values: [values] sorted.
        level: one of ``LEVELS``.

    Returns:
        [...], NaN where only one value is left.
    """
    if level not in LEVELS:
        raise ValueError(f"{level!r} is no level of measurement; there are {', '.join(LEVELS)}")
    size = len(values)
    matrix = np.asarray(flat, dtype=np.float64).reshape(*np.shape(flat)[:-1], size, size)
    held = matrix.sum(axis=-1)
    total = held.sum(axis=-1)
    distance = _distances(held, values, level)
    observed = (matrix * distance).sum(axis=(-1, -2))
    expected = (held[..., :, None] * held[..., None, :] * distance).sum(axis=(-1, -2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - (total - 1) * observed / expected, np.nan)


def _distances(held: np.ndarray, values: np.ndarray, level: str) -> np.ndarray:
    """Returns squared distances [..., values, values] between values; ordinal ones depend on how often each value was used."""
    if level == "nominal":
        return 1 - np.eye(len(values))
    if level == "interval":
        return (values[:, None] - values[None, :]) ** 2
    # the sum of what lies from one value to the other, both ends counted half
    middle = np.cumsum(held, axis=-1) - held / 2
    return (middle[..., :, None] - middle[..., None, :]) ** 2
