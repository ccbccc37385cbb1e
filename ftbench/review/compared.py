"""Comparisons: each example and pair of systems once, however many raters judged it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ftbench.review.evidence import BOTH_BAD, TIE, A, Alike, B, Verdict

FAMILIES = ("baseline", "all")


@dataclass(frozen=True)
class Settings:
    """How to conclude.

    Attributes:
        confidence, resamples, seed: of the intervals.
        family: ``baseline`` (every system against it) or ``all`` pairs.
        baseline: a system; None for the first.
        margin: the smallest gap of a win rate that matters, in points of the win rate; None where nobody said.
    """

    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0
    family: str = "baseline"
    baseline: str | None = None
    margin: float | None = None


@dataclass(frozen=True)
class Compared:
    """One comparison: the score of its first system, from -1 to 1, averaged over its raters, and the share of each
    choice.
    """

    example: str
    cluster: str
    first: str
    second: str
    score: float
    shares: Mapping[str, float]
    choices: tuple[tuple[str, str], ...]


def comparisons(verdicts: Sequence[Verdict], alike: Sequence[Alike]) -> list[Compared]:
    """Returns each comparison once, in the order of the verdicts, those that nobody needed to judge last."""
    held: dict[tuple[str, str, str, str], list[Verdict]] = {}
    for one in verdicts:
        held.setdefault((one.example, one.cluster, one.first, one.second), []).append(one)
    found = []
    for (example, cluster, first, second), own in held.items():
        shares = {choice: sum(one.choice == choice for one in own) / len(own) for choice in (A, B, TIE, BOTH_BAD)}
        # counted before dividing, so that one win and one loss are exactly nothing
        score = sum(one.score for one in own) / len(own)
        found.append(
            Compared(example, cluster, first, second, score, shares, tuple((one.rater, one.choice) for one in own))
        )
    judged = {(one.example, one.first, one.second) for one in found}
    for one in dict.fromkeys(alike):
        if (one.example, one.first, one.second) not in judged:
            found.append(
                Compared(
                    one.example, one.cluster, one.first, one.second, 0.0, {A: 0.0, B: 0.0, TIE: 1.0, BOTH_BAD: 0.0}, ()
                )
            )
    return found


def seen_from(first: str, one: Compared) -> Compared:
    if one.first == first:
        return one
    shares = {**one.shares, A: one.shares[B], B: one.shares[A]}
    return Compared(one.example, one.cluster, one.second, one.first, -one.score, shares, one.choices)
