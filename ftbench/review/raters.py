"""The raters themselves: do they agree with each other, with themselves, and do they favour a side?

They agree where they chose the same system; sides are drawn for each rater, so left and right are compared nowhere but
in ``side_bias`` and in a rater's own repeats. What chance gives counts every comparison with its mirror image, since
nobody chose which system stands first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ftbench.review.compared import Settings
from ftbench.review.evidence import BOTH_BAD, CHOICES, MIRROR, TIE, A, B, Evidence, Rating, Verdict
from ftbench.stats.agreement import LEVELS, alpha_interval, cohen_kappa, fleiss_kappa, krippendorff_alpha
from ftbench.stats.proportions import share, sign_test
from ftbench.stats.resample import clusters

NOMINAL = {choice: float(place) for place, choice in enumerate(CHOICES)}
LEANING = {A: 1.0, TIE: 0.0, BOTH_BAD: 0.0, B: -1.0}
"""For the ordinal and interval levels, on which "both bad" says as little of the pair as a tie."""


def agreement(verdicts: Sequence[Verdict], settings: Settings) -> dict[str, Any]:
    """Returns agreement on first showings: over pairs of systems as units."""
    units = _units(verdicts, lambda one: (one.example, one.first, one.second))
    choices = {place: {rater: one.choice for rater, one in own.items()} for place, own in units.items()}
    cluster = {place: next(iter(own.values())).cluster for place, own in units.items()}
    alpha = {}
    for level in LEVELS:
        numbers = NOMINAL if level == "nominal" else LEANING
        values = [[numbers[choice] for choice in own.values()] for own in choices.values()]
        mirror = {numbers[choice]: numbers[other] for choice, other in MIRROR.items()}
        alpha[level] = _alpha(values, list(cluster.values()), level, settings, mirror)
    return {**_kappas(choices, MIRROR), "krippendorff": alpha, "raters": _against_the_rest(choices, cluster, settings)}


def rating_agreement(ratings: Sequence[Rating], settings: Settings) -> dict[str, Any]:
    """Returns agreement on a scale."""
    units = _units(ratings, lambda one: (one.example, one.system))
    values = {place: {rater: one.value for rater, one in own.items()} for place, own in units.items()}
    names = [next(iter(own.values())).cluster for own in units.values()]
    alpha = {level: _alpha([list(own.values()) for own in values.values()], names, level, settings) for level in LEVELS}
    return {**_kappas(values), "krippendorff": alpha}


def repeats(evidence: Evidence, settings: Settings) -> dict[str, Any] | None:
    """Returns how often raters said the same of a pair (or a rating) shown again, pooled and by rater; None without
    repeats.

    Repeats are nowhere else: they are no further verdicts.
    """
    first: dict[Hashable, Any] = {}
    rows: list[tuple[str, str, float, bool | None]] = []
    for one in sorted(evidence.verdicts, key=lambda one: one.repeat):
        if one.dimension != evidence.overall:
            continue
        place = (one.example, one.first, one.second, one.rater)
        if not one.repeat:
            first[place] = one
        elif place in first:
            before = first[place]
            same_side = (
                None
                if one.left is None or before.left is None or one.left == before.left
                else _side(one) == _side(before) and _side(one) in ("left", "right")
            )
            rows.append((one.rater, one.cluster, float(one.choice == before.choice), same_side))
    for one in sorted(evidence.ratings, key=lambda one: one.repeat):
        if one.dimension == evidence.overall:
            place = (one.example, one.system, one.rater)
            if not one.repeat:
                first[place] = one
            elif place in first:
                rows.append((one.rater, one.cluster, float(one.value == first[place].value), None))
    if not rows:
        return None

    def consistent(own: Sequence[tuple[str, str, float, bool | None]]) -> dict[str, Any]:
        return share(np.array([row[2] for row in own]), _codes([row[1] for row in own]), settings.confidence).as_dict()

    stuck = [row[3] for row in rows if row[3] is not None]
    by_rater = {
        rater: consistent([row for row in rows if row[0] == rater]) for rater in dict.fromkeys(row[0] for row in rows)
    }
    return {**consistent(rows), "same_side_twice": sum(stuck) if stuck else None, "by_rater": by_rater}


def side_bias(verdicts: Sequence[Verdict], settings: Settings) -> dict[str, Any] | None:
    """Returns how often the left answer was preferred where one was; None where no side is known.

    Sides are dealt out by chance, so anything but one half is the raters' habit.
    """
    rows = [one for one in verdicts if one.left is not None and one.choice in (A, B)]
    if not rows:
        return None
    codes = _codes([one.cluster for one in rows])
    left = np.array([float(_side(one) == "left") for one in rows])
    test = sign_test(left - 0.5, codes)
    by_rater = {}
    for rater in dict.fromkeys(one.rater for one in rows):
        own = [index for index, one in enumerate(rows) if one.rater == rater]
        by_rater[rater] = share(left[own], codes[own], settings.confidence).as_dict()
    return {**share(left, codes, settings.confidence).as_dict(), "p": test.p, "by_rater": by_rater}


def _side(one: Verdict) -> str:
    """Returns which side a rater chose: ``left``, ``right``, or neither."""
    return one.choice if one.choice not in (A, B) else "left" if one.choice == one.left else "right"


def _units(rows: Sequence[Any], place: Callable[[Any], Hashable]) -> dict[Hashable, dict[str, Any]]:
    """Returns unit -> rater -> row."""
    found: dict[Hashable, dict[str, Any]] = {}
    for one in rows:
        found.setdefault(place(one), {})[one.rater] = one
    return found


def _alpha(
    units: list[list[float]],
    names: Sequence[str],
    level: str,
    settings: Settings,
    mirror: Mapping[float, float] | None = None,
) -> dict[str, Any]:
    value = krippendorff_alpha(units, level, mirror)
    options = {"confidence": settings.confidence, "resamples": settings.resamples, "seed": settings.seed}
    limits = alpha_interval(units, _codes(names).tolist(), level, mirror, **options) if value is not None else None
    low, high = limits if limits is not None else (None, None)
    return {"value": value, "low": low, "high": high, "units": sum(len(unit) > 1 for unit in units)}


def _kappas(units: dict[Hashable, dict[str, Any]], mirror: Mapping[Any, Any] | None = None) -> dict[str, Any]:
    raters = sorted({rater for own in units.values() for rater in own})
    cohen = []
    for first, second in combinations(raters, 2):
        both = [(own[first], own[second]) for own in units.values() if first in own and second in own]
        if both:
            ours, theirs = zip(*both, strict=True)
            same = sum(a == b for a, b in both) / len(both)
            kappa = cohen_kappa(ours, theirs, mirror)
            cohen.append({"first": first, "second": second, "value": kappa, "agreement": same, "units": len(both)})
    full = [own for own in units.values() if len(own) == len(raters)] if len(raters) > 1 else []
    seen = {value for own in full for value in own.values()}
    values = sorted(seen if mirror is None else {*seen, *(mirror[value] for value in seen)})
    turned = None if mirror is None else [values.index(mirror[value]) for value in values]
    table = np.array([[sum(value == one for value in own.values()) for one in values] for own in full])
    fleiss = fleiss_kappa(table, turned) if full else None
    return {"cohen": cohen, "fleiss": {"value": fleiss, "units": len(full), "raters": len(raters)}}


def _against_the_rest(
    units: dict[Hashable, dict[str, str]], cluster: dict[Hashable, str], settings: Settings
) -> list[dict[str, Any]]:
    """Returns each rater against what most of the others said; where those are split evenly nothing is compared."""
    found = []
    for rater in sorted({rater for own in units.values() for rater in own}):
        mine, theirs, own_clusters = [], [], []
        for place, own in units.items():
            others = Counter(choice for other, choice in own.items() if other != rater).most_common(2)
            if rater in own and others and (len(others) == 1 or others[0][1] > others[1][1]):
                mine.append(own[rater])
                theirs.append(others[0][0])
                own_clusters.append(cluster[place])
        same = share(
            np.array([a == b for a, b in zip(mine, theirs, strict=True)], dtype=np.float64),
            _codes(own_clusters),
            settings.confidence,
        )
        count = sum(rater in own for own in units.values())
        kappa = cohen_kappa(mine, theirs, MIRROR)
        found.append({"rater": rater, "verdicts": count, "agreement": same.as_dict(), "kappa": kappa})
    return found


def _codes(names: Sequence[str]) -> np.ndarray:
    return clusters(names, names)
