"""What stands in for people, against people: automatic metrics and an LLM judge, over the comparisons that people
judged.

"Which metric to trust for this task" is ``accuracy``: of the comparisons that people decided, the share that the metric
orders as they did, a tie of the metric counting one half. One half is a coin. Systems, not only texts, make some
metrics look good; so it is over single examples, within pairs of systems. Each comparison counts from both of its
sides, so that no figure depends on which system stands first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ftbench.review.compared import Compared, Settings
from ftbench.review.evidence import A, B, Verdict
from ftbench.stats.agreement import cohen_kappa
from ftbench.stats.association import association, kendall, over_both_sides, sign_agreement, spearman
from ftbench.stats.proportions import share, sign_test
from ftbench.stats.resample import clusters


def metric_agreement(
    compared: Sequence[Compared],
    metrics: Mapping[str, tuple[bool, Mapping[str, Mapping[str, float]]]],
    settings: Settings,
) -> list[dict[str, Any]]:
    """Returns each metric with its accuracy and rank correlations, the most trustworthy first."""
    found = []
    options = {"confidence": settings.confidence, "resamples": settings.resamples, "seed": settings.seed}
    judged = [one for one in compared if one.choices]
    for name, (higher, values) in metrics.items():
        rows = [
            one
            for one in judged
            if one.example in values.get(one.first, {}) and one.example in values.get(one.second, {})
        ]
        gaps = np.array([values[one.first][one.example] - values[one.second][one.example] for one in rows]) * (
            1.0 if higher else -1.0
        )
        # what differs by rounding alone does not differ
        gaps = np.where(np.abs(gaps) < 1e-12, 0.0, gaps)
        people = np.array([one.score for one in rows])
        codes = _codes(rows)
        found.append(
            {
                "metric": name,
                "n": len(rows),
                "decided": int((people != 0).sum()),
                "accuracy": association(sign_agreement, gaps, people, codes, **options).as_dict(),
                "kendall": association(over_both_sides(kendall), gaps, people, codes, **options).as_dict(),
                "spearman": association(over_both_sides(spearman), gaps, people, codes, **options).as_dict(),
            }
        )
    return sorted(found, key=lambda one: -(one["accuracy"]["value"] if one["accuracy"]["value"] is not None else -1))


def judge_agreement(compared: Sequence[Compared], judge: Sequence[Verdict], settings: Settings) -> dict[str, Any]:
    """Returns how far a judge agrees with people and with itself.

    A judge that saw a pair in both orders counts once: where the orders contradict each other it has said "tie".
    """
    said: dict[tuple[str, str, str], list[Verdict]] = {}
    for one in judge:
        said.setdefault((one.example, one.first, one.second), []).append(one)
    rows = [
        (one, float(np.sign(sum(own.score for own in said[place]))))
        for one in compared
        if one.choices and (place := (one.example, one.first, one.second)) in said
    ]
    people = [float(np.sign(round(one.score, 9))) for one, _ in rows]
    theirs = [score for _, score in rows]
    codes = _codes([one for one, _ in rows])
    decided = [index for index, score in enumerate(people) if score]
    right = np.array([(1 + theirs[index] * people[index]) / 2 for index in decided])
    kappa = cohen_kappa(people, theirs, {-1.0: 1.0, 0.0: 0.0, 1.0: -1.0})
    both = [own for own in said.values() if {one.left for one in own} >= {A, B}]
    sided = [one for one in judge if one.left is not None and one.choice in (A, B)]
    names = _clusters([own[0].cluster for own in both])
    first = np.array([float(one.choice == one.left) for one in sided])
    places = _clusters([one.cluster for one in sided])
    same = np.array([float(len({one.choice for one in own}) == 1) for own in both])
    return {
        "verdicts": len(judge),
        "n": len(rows),
        "accuracy": share(right, codes[decided], settings.confidence).as_dict(),
        "kappa": kappa,
        "position": {
            **share(first, places, settings.confidence).as_dict(),
            "p": sign_test(first - 0.5, places).p if len(first) else None,
        },
        "consistent_over_orders": share(same, names, settings.confidence).as_dict(),
    }


def _codes(rows: Sequence[Compared]) -> np.ndarray:
    return _clusters([one.cluster for one in rows])


def _clusters(names: Sequence[str]) -> np.ndarray:
    return clusters(names, names)
