"""Verdicts as statistics need them, wherever they came from: a sweep's ledger or somebody's CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

A, B, TIE, BOTH_BAD = "a", "b", "tie", "both_bad"
CHOICES = (A, B, TIE, BOTH_BAD)
SCORES = {A: 1.0, B: -1.0, TIE: 0.0, BOTH_BAD: 0.0}
"""What a choice says of the first system against the second."""

MIRROR = {A: B, B: A, TIE: TIE, BOTH_BAD: BOTH_BAD}
"""Each choice as seen from the other system."""

OVERALL = "overall"


@dataclass(frozen=True)
class Verdict:
    """One judgment of one rater on two systems.

    Attributes:
        example: id.
        cluster: group of the example, or the example.
        first, second: systems, in the order of ``Evidence.systems``.
        rater: who.
        choice: one of ``CHOICES``; ``a`` is ``first``.
        left: ``a`` or ``b``, whichever stood on the left; None if unknown.
        dimension: what was judged.
        repeat: not the first showing of this pair of texts to this rater.
    """

    example: str
    cluster: str
    first: str
    second: str
    rater: str
    choice: str
    left: str | None
    dimension: str
    repeat: bool

    @property
    def score(self) -> float:
        return SCORES[self.choice]


@dataclass(frozen=True)
class Rating:
    """One rating of one system's answer."""

    example: str
    cluster: str
    system: str
    rater: str
    value: float
    dimension: str
    repeat: bool


@dataclass(frozen=True)
class Alike:
    """Two systems whose answers to an example read the same: a tie that nobody needed to judge."""

    example: str
    cluster: str
    first: str
    second: str


@dataclass
class Evidence:
    """Everything that conclusions are drawn from.

    Attributes:
        systems: id -> label, baseline first unless ``baseline`` says otherwise.
        overall: name of the dimension that decides.
        verdicts, ratings, alike: as above.
        comments: (example, rater, text).
        metrics: metric -> (higher is better, system -> example -> value).
        judges: LLM judge -> its verdicts, each with its ``left``.
        aliases: other names of systems, such as the key of the stage that generated.
        notes: sentences on what was left out or assumed.
        problems: lines on rows that could not be used.
        counts: name -> number.
    """

    systems: dict[str, str]
    overall: str = OVERALL
    verdicts: list[Verdict] = field(default_factory=list)
    ratings: list[Rating] = field(default_factory=list)
    alike: list[Alike] = field(default_factory=list)
    comments: list[tuple[str, str, str]] = field(default_factory=list)
    metrics: dict[str, tuple[bool, dict[str, dict[str, float]]]] = field(default_factory=dict)
    judges: dict[str, list[Verdict]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def decisive(self) -> list[Verdict]:
        """Returns the verdicts that count: on the deciding dimension, first showings only."""
        return [one for one in self.verdicts if one.dimension == self.overall and not one.repeat]


def turned(choice: str) -> str:
    """Returns a choice as seen from the other system."""
    return MIRROR[choice]


def preferences(ratings: Sequence[Rating], order: Mapping[str, int]) -> list[Verdict]:
    """Returns what ratings say of pairs: where one rater rated two systems on one example, the higher one wins."""
    rated: dict[tuple[str, str, str, str], dict[str, float]] = {}
    for one in ratings:
        if not one.repeat:
            rated.setdefault((one.example, one.cluster, one.rater, one.dimension), {}).setdefault(one.system, one.value)
    found = []
    for (example, cluster, rater, dimension), values in rated.items():
        systems = sorted(values, key=order.__getitem__)
        for index, first in enumerate(systems):
            for second in systems[index + 1 :]:
                gap = values[first] - values[second]
                found.append(
                    Verdict(
                        example,
                        cluster,
                        first,
                        second,
                        rater,
                        A if gap > 0 else B if gap < 0 else TIE,
                        None,
                        dimension,
                        False,
                    )
                )
    return found
