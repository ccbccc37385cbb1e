"""What a comparison can show, said before it is run: from n, the groups, the margin and an *assumed* spread.

Never from the observed effect: power "observed" after the fact repeats the p-value and says nothing new (Hoenig and
Heisey 2001).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """The examples that a comparison will be over.

    Attributes:
        n: examples.
        units: independent groups, examples without a group counted alone.
        mean_square: sum of squared group sizes over n: how many examples share a group with a typical one.
    """

    n: int
    units: int
    mean_square: float

    @classmethod
    def of(cls, groups: Sequence[str | None]) -> Sample:
        """Returns the sample that these groups of examples make, None for an example that stands alone."""
        named = Counter(group for group in groups if group is not None)
        alone = len(groups) - sum(named.values())
        squares = alone + sum(count * count for count in named.values())
        return cls(len(groups), alone + len(named), squares / len(groups) if groups else 1.0)

    @classmethod
    def of_sizes(cls, sizes: Mapping[str, int]) -> Sample:
        """Returns the sample of ``ftbench.core.example.group_sizes``: size of group -> how many groups."""
        counts = {int(size): count for size, count in sizes.items()}
        n = sum(size * count for size, count in counts.items())
        return cls(
            n, sum(counts.values()), sum(size * size * count for size, count in counts.items()) / n if n else 1.0
        )

    def error(self, sd: float, icc: float) -> float:
        """Returns the standard error of a mean of paired differences.

        Args:
            sd: standard deviation of one example's difference.
            icc: correlation of two differences within one group (Kish's design effect).
        """
        return sd * math.sqrt((1 + (self.mean_square - 1) * icc) / self.n)


def detectable(sample: Sample, sd: float, icc: float, *, confidence: float, power: float, pairs: int) -> float | None:
    """Returns the smallest true difference that a paired test shows with this power; None from fewer than two units.

    Args:
        sample: of the test split.
        sd: assumed standard deviation of one example's difference, in points of the metric.
        icc: assumed correlation within groups.
        confidence: such as 0.95, over the family.
        power: such as 0.8.
        pairs: comparisons in the family; Bonferroni stands in for max-T, which is never worse.
    """
    if sample.units < 2:
        return None
    return _needed(sample.units - 1, (1 - confidence) / pairs, power) * sample.error(sd, icc)


def examples_for(
    margin: float, sample: Sample, sd: float, icc: float, *, confidence: float, power: float, pairs: int
) -> int:
    """Returns how many examples show two truly equal cells to be within ``margin``, grouped as ``sample`` is.

    The interval must fall inside the margin on both sides, so each side may fail with half of ``1 - power``.
    """
    from scipy.special import ndtri

    reach = float(ndtri(1 - (1 - confidence) / (2 * pairs)) + ndtri((1 + power) / 2))
    each = sample.error(sd, icc) * math.sqrt(sample.n)
    return math.ceil((reach * each / margin) ** 2)


def _needed(freedom: int, alpha: float, power: float) -> float:
    """Returns the noncentrality at which a two-sided t test at ``alpha`` has this power."""
    from scipy.special import (
        nctdtr,
        stdtrit,
    )  # scipy.stats and scipy.optimize take half a second to import, which a plan would feel

    critical = float(stdtrit(freedom, 1 - alpha / 2))
    low, high = 0.0, 10 * critical + 20
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (
            (low, middle) if 1 - float(nctdtr(freedom, middle, critical)) >= power else (middle, high)
        )  # not a number: not shown
    return high
