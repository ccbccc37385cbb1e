"""How many comparisons a margin needs, said when sheets are made: from assumed spreads, never from results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftbench.review.make import Batch
from ftbench.review.rubric import PAIRWISE
from ftbench.stats.power import Sample, detectable, examples_for

DEFAULT_MARGIN = 0.1
WIDEST_SD = 0.5
"""Standard deviation of a score of 0, one half or 1 where nobody ties: the most it can be."""


def declared_margin(settings: Mapping[str, Any]) -> tuple[float, str]:
    """Returns the margin in points of the win rate where nobody gave one, and where it comes from.

    Args:
        settings: of the plan.
    """
    declared = (settings.get("decision") or {}).get("margin")
    if declared is not None and 0 < declared < 0.5:
        return float(declared), "decision.margin"
    return DEFAULT_MARGIN, "--margin's default"


def sample_size(batch: Batch, margin: float, why: str, settings: Mapping[str, Any]) -> str:
    """Returns one line: what this many comparisons can show of each pair with the baseline, and what the margin needs.

    Args:
        batch: what was drawn.
        margin: gap of a win rate from one half that matters.
        why: where the margin comes from.
        settings: of the plan: ``decision`` and ``statistics``.
    """
    decision = settings.get("decision") or {}
    power, icc = decision.get("power", 0.8), decision.get("assumed_icc", 0.3)
    confidence = (settings.get("statistics") or {}).get("confidence", 0.95)
    systems = len(batch.key.systems)
    pairs = systems * (systems - 1) // 2 if batch.key.rubric.mode == PAIRWISE else 1
    tested = max(systems - 1, 1)
    groups = {item.example: item.group for item in batch.key.items.values()} | {
        one["example"]: one["group"] for one in batch.key.identical
    }
    known = [groups[one.example] for one in (*batch.drawn.shown, *batch.drawn.identical)]
    whole = Sample.of(known)
    # each pair has its share of the examples
    sample = Sample(max(1, whole.n // pairs), max(1, whole.units // pairs), whole.mean_square)
    options = {"confidence": confidence, "power": power, "pairs": tested}
    gap = detectable(sample, WIDEST_SD, icc, **options)
    total = examples_for(margin, sample, WIDEST_SD, icc, **options) * pairs
    shows = (
        f"they show a win rate beyond {0.5:g} \u00b1 {gap:.2f}"
        if gap is not None and gap < 0.5
        else "too few to show anything but extremes"
    )
    each = f" ({sample.n} for each of {pairs} pairs)" if pairs > 1 else ""
    return (
        f"{whole.n} comparisons{each}: {shows} with {power:.0%} power; "
        f"to show that a win rate lies within 0.5 \u00b1 {margin:g} ({why}), --n {total} is needed, "
        f"supposing that nobody ties (spread {WIDEST_SD:g})"
    )
