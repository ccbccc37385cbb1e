"""What verdicts show: ``conclusions.json``, and ``review stats --json``. Plain JSON; ``ftbench.review.show`` puts it
into words.

A comparison (one example, one pair of systems) counts once, however many raters judged it; examples of one group are
one cluster. Pairs are judged by the exact sign test over clusters, adjusted over the declared family (Holm); the
interval of a win rate is Wilson's over clusters, as wide as the family asks (Bonferroni). Not significant is undecided,
and "equivalent" needs a margin (mistake 26). Raters are taken as given: intervals speak of other examples
judged by such raters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import numpy as np

from ftbench.core.errors import FtbenchError, did_you_mean
from ftbench.review.compared import Compared, Settings, comparisons, seen_from
from ftbench.review.evidence import BOTH_BAD, TIE, A, B, Evidence, Verdict, preferences
from ftbench.review.metric_agreement import judge_agreement, metric_agreement
from ftbench.review.raters import agreement, rating_agreement, repeats, side_bias
from ftbench.review.strengths import cluster_codes, limits_of, strengths
from ftbench.stats.paired import BETTER, EQUIVALENT, NOT_BETTER, NOT_WORSE, UNDECIDED, WORSE, rank_ranges
from ftbench.stats.preference import winner_first
from ftbench.stats.proportions import holm, share, sign_test

FORMAT = 1
WORTH_READING = 12


def conclude(evidence: Evidence, settings: Settings) -> dict[str, Any]:
    """Returns everything that the evidence shows.

    Raises:
        FtbenchError: for a baseline that is no system, or no comparison at all.
    """
    systems = list(evidence.systems)
    baseline = _baseline(evidence, settings)
    order = {system: place for place, system in enumerate(systems)}
    derived = preferences([one for one in evidence.ratings if one.dimension == evidence.overall], order)
    decisive = evidence.decisive() + derived
    compared = comparisons(decisive, evidence.alike)
    if not compared and not evidence.ratings:
        raise FtbenchError("no verdict decides between two systems. Fill in the first column of the sheets")
    pairs = _pairs(compared, systems, baseline, settings)
    result: dict[str, Any] = {
        "format": FORMAT,
        "settings": {**asdict(settings), "baseline": baseline},
        "systems": dict(evidence.systems),
        "overall": evidence.overall,
        "counts": _counts(evidence, decisive, compared),
        "pairs": pairs,
        "ranking": _ranking(compared, pairs, systems, settings),
        "bradley_terry": strengths(decisive, evidence.alike, systems, baseline, settings),
        "agreement": agreement(evidence.decisive(), settings) if evidence.verdicts else None,
        "repeats": repeats(evidence, settings),
        "side": side_bias(evidence.decisive(), settings),
        "dimensions": _dimensions(evidence, systems, order, settings),
        "ratings": _ratings(evidence, systems, settings),
        "metrics": metric_agreement(compared, evidence.metrics, settings),
        "judges": [
            {"judge": name, **judge_agreement(compared, said, settings)} for name, said in evidence.judges.items()
        ],
        "disagreements": _worth_reading(compared, evidence),
        "notes": list(evidence.notes),
        "problems": list(evidence.problems),
    }
    return result


def _baseline(evidence: Evidence, settings: Settings) -> str:
    if settings.baseline is None:
        return next(iter(evidence.systems))
    found = [system for system, label in evidence.systems.items() if settings.baseline in (system, label)]
    if not found:
        raise FtbenchError(
            f"--baseline {settings.baseline}: no such system."
            f" {did_you_mean(settings.baseline, [*evidence.systems, *evidence.systems.values()])}"
        )
    return found[0]


def _pairs(
    compared: Sequence[Compared], systems: Sequence[str], baseline: str, settings: Settings
) -> list[dict[str, Any]]:
    """Returns every pair that was compared, winner first or else baseline second; those of the family are tested."""
    tested, untested = [], []
    for index, one in enumerate(systems):
        for other in systems[index + 1 :]:
            # a gain over the baseline reads as a gain
            first, second = (
                (other, one)
                if one == baseline or (baseline != other and settings.family == "baseline")
                else (one, other)
            )
            own = [seen_from(first, entry) for entry in compared if {entry.first, entry.second} == {first, second}]
            if own:
                declared = settings.family == "all" or baseline in (first, second)
                (tested if declared else untested).append((first, second, own))
    signs = [sign_test(np.array([one.score for one in own]), cluster_codes(own)) for _, _, own in tested]
    adjusted = holm([one.p for one in signs])
    found = [
        _pair(first, second, own, settings, {**sign.as_dict(), "p_adjusted": p}, len(tested))
        for (first, second, own), sign, p in zip(tested, signs, adjusted, strict=True)
    ]
    return found + [_pair(first, second, own, settings, None, 1) for first, second, own in untested]


def _pair(
    first: str, second: str, own: Sequence[Compared], settings: Settings, sign: dict[str, Any] | None, family: int
) -> dict[str, Any]:
    codes = cluster_codes(own)
    alpha = 1 - settings.confidence

    def rate(values: Sequence[float], confidence: float = settings.confidence) -> dict[str, Any]:
        return limits_of(share(np.array(values), codes, confidence))

    win_rate = rate([(1 + one.score) / 2 for one in own], 1 - alpha / family)
    # a win rate and a test that point apart, as over clusters of very different sizes, show no preference
    apart = sign is not None and (win_rate["value"] - 0.5) * (sign["positive"] - sign["negative"]) <= 0
    tie = sign is None or sign["p_adjusted"] > alpha or apart
    if tie and win_rate["low"] is not None:  # the test decides; the interval may not say more than it
        win_rate |= {"low": min(win_rate["low"], 0.5), "high": max(win_rate["high"], 0.5)}
    return winner_first(
        {
            "first": first,
            "second": second,
            "n": len(own),
            "verdicts": sum(len(one.choices) for one in own),
            "identical": sum(not one.choices for one in own),
            "clusters": len(set(codes.tolist())),
            "win": rate([one.shares[A] for one in own]),
            "tie": rate([one.shares[TIE] for one in own]),
            "both_bad": rate([one.shares[BOTH_BAD] for one in own]),
            "loss": rate([one.shares[B] for one in own]),
            "win_rate": win_rate,
            "sign_test": sign,
            "family": family if sign is not None else None,
            "margin": settings.margin,
            "verdict": UNDECIDED if sign is None else _verdict(win_rate, tie, settings.margin),
        }
    )


def _verdict(win_rate: Mapping[str, Any], tie: bool, margin: float | None) -> str:
    """Returns what may be said of the first system against the second."""
    if not tie:
        return BETTER if win_rate["value"] > 0.5 else WORSE
    if margin is None or win_rate["low"] is None:
        return UNDECIDED
    above, below = win_rate["low"] > 0.5 - margin, win_rate["high"] < 0.5 + margin
    return EQUIVALENT if above and below else NOT_WORSE if above else NOT_BETTER if below else UNDECIDED


def _ranking(
    compared: Sequence[Compared], pairs: Sequence[Mapping[str, Any]], systems: Sequence[str], settings: Settings
) -> list[dict[str, Any]]:
    """Returns the systems by win rate over all their comparisons, with the ranks that the tests leave open."""
    found = []
    for system in systems:
        own = [seen_from(system, one) for one in compared if system in (one.first, one.second)]
        if own:
            rate = share(np.array([(1 + one.score) / 2 for one in own]), cluster_codes(own), settings.confidence)
            found.append(
                {
                    "system": system,
                    "win_rate": limits_of(rate),
                    "n": rate.n,
                    "clusters": rate.clusters,
                    "verdicts": sum(len(one.choices) for one in own),
                }
            )
    told = [
        SimpleNamespace(
            first=one["first"],
            second=one["second"],
            value=one["win_rate"]["value"] - 0.5,
            tie=one["verdict"] not in (BETTER, WORSE),
        )
        for one in pairs
    ]
    ranks = rank_ranges({one["system"]: one["win_rate"]["value"] for one in found}, told, True)
    found.sort(key=lambda one: (-one["win_rate"]["value"], systems.index(one["system"])))
    return [{**one, "rank": list(ranks[one["system"]])} for one in found]


def _dimensions(
    evidence: Evidence, systems: Sequence[str], order: Mapping[str, int], settings: Settings
) -> dict[str, Any]:
    """Returns win rates on the dimensions beside the deciding one: described, not tested."""
    names = dict.fromkeys(
        one.dimension for one in (*evidence.verdicts, *evidence.ratings) if one.dimension != evidence.overall
    )
    found = {}
    for name in names:
        rows = [one for one in evidence.verdicts if one.dimension == name and not one.repeat]
        rows += preferences([one for one in evidence.ratings if one.dimension == name], order)
        own = comparisons(rows, [])
        if own:
            found[name] = [
                {key: one[key] for key in ("system", "win_rate", "n", "clusters")}
                for one in _ranking(own, [], systems, settings)
            ]
    return found


def _ratings(evidence: Evidence, systems: Sequence[str], settings: Settings) -> dict[str, Any] | None:
    """Returns mean ratings by dimension and system, with bootstrap intervals over clusters, and the agreement on the
    scale.
    """
    from ftbench.stats.intervals import interval

    if not evidence.ratings:
        return None
    found: dict[str, Any] = {}
    for name in dict.fromkeys(one.dimension for one in evidence.ratings):
        means = []
        for system in systems:
            own = [one for one in evidence.ratings if (one.dimension, one.system, one.repeat) == (name, system, False)]
            if not own:
                continue
            names = [one.cluster for one in own]
            limits = interval(
                np.array([[one.value] for one in own]),
                lambda totals, n: totals[..., 0] / n,
                names,
                names,
                confidence=settings.confidence,
                resamples=settings.resamples,
                seed=settings.seed,
                is_mean=False,
            )
            value = float(np.mean([one.value for one in own]))
            means.append(
                {
                    "system": system,
                    "value": value,
                    "low": limits.low,
                    "high": limits.high,
                    "n": len(own),
                    "clusters": len(set(names)),
                }
            )
        rows = [one for one in evidence.ratings if one.dimension == name and not one.repeat]
        found[name] = {"means": means, "agreement": rating_agreement(rows, settings)}
    return found


def _counts(evidence: Evidence, decisive: Sequence[Verdict], compared: Sequence[Compared]) -> dict[str, int]:
    return {
        **evidence.counts,
        "verdicts": len(decisive),
        "repeats": sum(one.repeat for one in evidence.verdicts if one.dimension == evidence.overall),
        "ratings": sum(not one.repeat for one in evidence.ratings),
        "comparisons": len(compared),
        "identical": sum(not one.choices for one in compared),
        "examples": len({one.example for one in compared} | {one.example for one in evidence.ratings}),
        "clusters": len({one.cluster for one in compared} | {one.cluster for one in evidence.ratings}),
        "raters": len({one.rater for one in (*evidence.verdicts, *evidence.ratings)}),
        "comments": len(evidence.comments),
    }


def _worth_reading(compared: Sequence[Compared], evidence: Evidence) -> list[dict[str, Any]]:
    """Returns the comparisons that raters parted over, the widest apart first; then those with comments."""
    comments: dict[str, list[dict[str, str]]] = {}
    for example, rater, text in evidence.comments:
        comments.setdefault(example, []).append({"rater": rater, "text": text})
    rows = []
    for one in compared:
        spread = (
            float(np.std([{A: 1.0, B: -1.0}.get(choice, 0.0) for _, choice in one.choices]))
            if len(one.choices) > 1
            else 0.0
        )
        if spread > 0 or one.example in comments:
            rows.append((spread, one))
    rows.sort(key=lambda row: (-row[0], -len(row[1].choices), row[1].example))
    return [
        {
            "example": one.example,
            "first": one.first,
            "second": one.second,
            "spread": spread,
            "choices": [{"rater": rater, "choice": choice} for rater, choice in one.choices],
            "comments": comments.get(one.example, []),
        }
        for spread, one in rows[:WORTH_READING]
    ]
