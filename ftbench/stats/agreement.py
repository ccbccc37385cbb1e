"""Agreement between raters beyond chance: Cohen's and Fleiss' kappa, and Krippendorff's alpha.

* Cohen (1960): two raters, the units that both judged.
* Fleiss (1971): a fixed number of ratings per unit, from any raters.
* Krippendorff (2011, "Computing Krippendorff's Alpha-Reliability"): any number of raters, missing values, and a
  distance between values that fits their level of measurement.

None of them exists where only one value was ever used: agreement beyond chance cannot be told without variation.

Preferences between two systems have a mirror image: exchange the systems, and "the first" becomes "the second". Nobody
chose which of them stands first, so what chance gives must not depend on it (mistake 43). With ``mirror``, a
map from each value to what it is from the other side, each unit's mirror image counts as much as the unit: kappa splits
what each rater gave to either side in half, alpha averages the coincidence matrix with its mirror image; the number of
units and values stays what it is. Without it the coefficients are the published ones.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from ftbench.stats.intervals import expanded_tail
from ftbench.stats.resample import cluster_sums, resampled

LEVELS = ("nominal", "ordinal", "interval")


def cohen_kappa(
    first: Sequence[Hashable], second: Sequence[Hashable], mirror: Mapping[Any, Hashable] | None = None
) -> float | None:
    """Returns Cohen's kappa of two raters.

    Args:
        first, second: [units] their values for the same units.
        mirror: value -> what it is with the two systems exchanged; None for values that have no sides.

    Returns:
        None over no units, or where both used one and the same value throughout.
    """
    n = len(first)
    if n != len(second):
        raise ValueError(f"{n} values against {len(second)}; kappa is over the units that both rated")
    if not n:
        return None
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    sides = [[*own, *(() if mirror is None else (mirror[value] for value in own))] for own in (first, second)]
    ours, theirs = map(Counter, sides)
    # whole numbers until the division, so that no order changes a digit
    expected = sum(count * theirs[value] for value, count in ours.items()) / len(sides[0]) ** 2
    return (observed - expected) / (1 - expected) if expected < 1 else None


def fleiss_kappa(counts: np.ndarray, mirror: Sequence[int] | None = None) -> float | None:
    """Returns Fleiss' kappa.

    Args:
        counts: [units, values] how many raters gave each unit each value; every row has the same sum, at least 2.
        mirror: [values] the column of each value with the two systems exchanged; None for values that have no sides.

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
    held = counts.sum(axis=0)
    held = held if mirror is None else (held + held[list(mirror)]) / 2
    expected = float((held**2).sum() / held.sum() ** 2)
    return (observed - expected) / (1 - expected) if expected < 1 else None


def krippendorff_alpha(
    units: Sequence[Sequence[float]], level: str, mirror: Mapping[float, float] | None = None
) -> float | None:
    """Returns Krippendorff's alpha.

    Args:
        units: for each unit the values it was given, by whichever raters, missing ones left out. Values are numbers;
            for ``nominal`` any number may stand for a category.
        level: one of ``LEVELS``.
        mirror: value -> what it is with the two systems exchanged; None for values that have no sides.

    Returns:
        None where no unit has two values, or only one value was ever used.
    """
    values, rows = coincidences(units, mirror)
    if not len(rows) or len(values) < 2:
        return None
    return float(alpha_of(np.array([math.fsum(column) for column in rows.T]), values, level))


def alpha_interval(
    units: Sequence[Sequence[float]],
    codes: Sequence[int],
    level: str,
    mirror: Mapping[float, float] | None = None,
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> tuple[float, float] | None:
    """Returns a bootstrap interval of alpha over clusters of units; None where there is no alpha or fewer than two
    clusters.

    Args:
        units: as for ``krippendorff_alpha``.
        codes: [units] cluster of each unit.
        level: one of ``LEVELS``.
        mirror: as for ``krippendorff_alpha``.
        confidence, resamples, seed: of the bootstrap.
    """
    paired = [index for index, unit in enumerate(units) if len(unit) > 1]
    values, rows = coincidences(units, mirror)
    if len(values) < 2:
        return None
    dense = np.unique(np.asarray(codes)[paired], return_inverse=True)[1]
    # always added up in the same order: thirds do not add up alike in every order
    order = np.lexsort((*rows.T, dense))
    sums = cluster_sums(rows[order], dense[order])
    if len(sums) < 2:
        return None
    drawn = alpha_of(resampled(sums[:, :-1], resamples, seed), values, level)
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return None
    tail = expanded_tail(len(sums), confidence)
    low, high = (float(limit) for limit in np.quantile(drawn, [tail, 1 - tail]))
    point = krippendorff_alpha(units, level, mirror)
    return (low, high) if point is None else (min(low, point), max(high, point))


def coincidences(
    units: Sequence[Sequence[float]], mirror: Mapping[float, float] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the values in use, sorted, and each pairable unit's part of the coincidence matrix.

    The parts are flat: [units, values * values]. With ``mirror``, a part is the mean of the unit's own and its mirror
    image's.
    """
    paired = [unit for unit in units if len(unit) > 1]
    values = (
        np.unique(np.concatenate([np.asarray(unit, dtype=np.float64) for unit in paired])) if paired else np.zeros(0)
    )
    if mirror is not None:
        values = np.unique([*values, *(mirror[float(value)] for value in values)])
        turned = np.searchsorted(values, [mirror[float(value)] for value in values])
    rows = np.zeros((len(paired), len(values) ** 2))
    for index, unit in enumerate(paired):
        held = np.bincount(np.searchsorted(values, unit), minlength=len(values)).astype(np.float64)
        matrix = (np.outer(held, held) - np.diag(held)) / (len(unit) - 1)
        rows[index] = (matrix if mirror is None else (matrix + matrix[np.ix_(turned, turned)]) / 2).ravel()
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
    """Returns squared distances [..., values, values] between values; ordinal ones depend on how often each value was
    used.
    """
    if level == "nominal":
        return 1 - np.eye(len(values))
    if level == "interval":
        return np.asarray((values[:, None] - values[None, :]) ** 2)
    # the sum of what lies from one value to the other, both ends counted half
    middle = np.cumsum(held, axis=-1) - held / 2
    return (middle[..., :, None] - middle[..., None, :]) ** 2
