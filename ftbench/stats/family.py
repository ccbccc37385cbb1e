"""Which pairs of cells are compared: the family over which the error rate holds (docs/mistakes.md, number 25).

* ``best``: every cell against the one with the best value. The same data choose the best and test it, so the bar is set
  by the largest gap among *all* cells; adjusting over the shown pairs alone would call chance a winner.
* ``baseline``: every cell against each named baseline, and nothing else: fewer pairs, so smaller gaps show.
* ``all``: every pair.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FAMILIES = ("best", "baseline", "all")
Pair = tuple[int, int]


def pairs_of(
    names: Sequence[str], goodness: np.ndarray, family: str, baselines: Sequence[str]
) -> tuple[list[Pair], list[Pair]]:
    """Returns the declared pairs, and all pairs that are adjusted for.

    Args:
        names: of the cells.
        goodness: [cells], larger is better.
        family: one of ``FAMILIES``.
        baselines: names of the baselines; without any, ``baseline`` compares nothing.

    Returns:
        Places in ``names``, smaller place first.

    Raises:
        ValueError: for another family.
    """
    every = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
    if family == "all":
        return every, every
    if family == "baseline":
        fixed = {place for place, name in enumerate(names) if name in set(baselines)}
        declared = [(i, j) for i, j in every if i in fixed or j in fixed]
        return declared, declared
    if family != "best":
        raise ValueError(f"{family!r} is no family; there are {', '.join(FAMILIES)}")
    best = int(np.argmax(goodness)) if len(names) else 0
    return [pair for pair in every if best in pair], every
