"""How strong each system is: Bradley-Terry strengths over the pairs that people judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ftbench.review.compared import Compared, Settings
from ftbench.review.evidence import A, Alike, B, Verdict
from ftbench.stats.bradley_terry import FIRST, SECOND, bradley_terry
from ftbench.stats.bradley_terry import TIE as TIED
from ftbench.stats.proportions import Share
from ftbench.stats.resample import clusters


def strengths(
    verdicts: Sequence[Verdict], alike: Sequence[Alike], systems: Sequence[str], baseline: str, settings: Settings
) -> dict[str, Any] | None:
    """Returns the Bradley-Terry fit over the systems that met another; each comparison weighs one."""
    held: dict[tuple[str, str, str], int] = {}
    for one in verdicts:
        place = (one.example, one.first, one.second)
        held[place] = held.get(place, 0) + 1
    rows = [
        (
            one.first,
            one.second,
            {A: FIRST, B: SECOND}.get(one.choice, TIED),
            1 / held[one.example, one.first, one.second],
            one.cluster,
        )
        for one in verdicts
    ]
    rows += [
        (one.first, one.second, TIED, 1.0, one.cluster)
        for one in dict.fromkeys(alike)
        if (one.example, one.first, one.second) not in held
    ]
    met = [system for system in systems if any(system in row[:2] for row in rows)]
    if len(met) < 2:
        return None
    first, second, outcome, weight, cluster = zip(*rows, strict=True)
    fitted = bradley_terry(
        met,
        [met.index(one) for one in first],
        [met.index(one) for one in second],
        outcome,
        weight,
        clusters(cluster, cluster).tolist(),
        reference=baseline if baseline in met else met[0],
        confidence=settings.confidence,
    )
    return {"model": "davidson", **fitted.as_dict()}


def cluster_codes(rows: Sequence[Compared]) -> np.ndarray:
    names = [one.cluster for one in rows]
    return clusters(names, names)


def limits_of(found: Share) -> dict[str, Any]:
    return {"value": found.value, "low": found.low, "high": found.high}
