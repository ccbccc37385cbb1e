"""Which examples are reviewed: a seeded sample, in proportion to strata or from where the systems disagree.

Answers that read the same are no work for a person: they are ties that nobody needs to judge, counted where the sample
meets them, so that a win rate still speaks of all examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ftbench.core.errors import FtbenchError
from ftbench.review.systems import Reviewed
from ftbench.text.terminal import spelled_out

GROUP, DISAGREEMENT = "group", "disagreement"


@dataclass(frozen=True)
class Comparison:
    """Systems to be shown for one example: two in pairwise review, every system in rating review (places in
    ``Reviewed.systems``).
    """

    example: str
    systems: tuple[int, ...]


@dataclass(frozen=True)
class Drawn:
    """A sample.

    Attributes:
        shown: comparisons for people, in the order drawn.
        identical: comparisons whose answers read the same.
        pool: how many comparisons there were to draw from, identical ones included.
    """

    shown: tuple[Comparison, ...]
    identical: tuple[Comparison, ...]
    pool: int


def draw(
    reviewed: Reviewed,
    n: int,
    stratify: str | None,
    scores: Mapping[int, Mapping[str, float]],
    rng: np.random.Generator,
    *,
    pairwise: bool,
) -> Drawn:
    """Draws comparisons; every beginning of the order is spread over the strata in proportion, and over the pairs
    evenly.

    Args:
        reviewed: the systems and their examples.
        n: comparisons wanted; all there are where there are fewer.
        stratify: None, ``group``, ``disagreement`` or the name of a slice column.
        scores: system -> example -> value of the primary metric, where known; ``disagreement`` draws from where it
            differs first.
        rng: source of chance.
        pairwise: pairs of systems, rather than every system for each example.

    Raises:
        FtbenchError: when nothing is left to show, or the examples have no such column.
    """
    count = len(reviewed.systems)
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)] if pairwise else [tuple(range(count))]
    order = stratified_order(_strata(reviewed, stratify), rng)
    every = [
        Comparison(reviewed.examples[place].id, pairs[(index + turn) % len(pairs)])
        for turn in range(len(pairs))
        for index, place in enumerate(order)
    ]
    alike = [_alike(reviewed, one) for one in every]
    if stratify == DISAGREEMENT:
        differing = [one for one, same in zip(every, alike, strict=True) if not same]
        differing.sort(key=lambda one: not _scored_apart(one, scores))  # stable: chance decides within
        shown, identical = differing[:n], []
    else:
        shown, identical = [], []
        for one, same in zip(every, alike, strict=True):
            if len(shown) == n:
                break
            (identical if same and pairwise else shown).append(one)  # a rating is of an answer, whoever else gave it
    if not shown:
        raise FtbenchError(
            f"all {len(every)} pairs of answers read the same: there is nothing that a person could tell apart"
        )
    return Drawn(tuple(shown), tuple(identical), len(every))


def stratified_order(labels: Sequence[str], rng: np.random.Generator) -> list[int]:
    """Returns places in random order such that every beginning holds each label in proportion, as far as whole numbers
    go.
    """
    members: dict[str, list[int]] = {}
    for place, label in enumerate(labels):
        members.setdefault(label, []).append(place)
    spots = np.zeros(len(labels))
    for label in sorted(members):
        own = members[label]
        mixed = rng.permutation(own)
        spots[mixed] = (np.arange(len(own)) + rng.random(len(own))) / len(own)
    return [int(place) for place in np.argsort(spots, kind="stable")]


def _strata(reviewed: Reviewed, stratify: str | None) -> list[str]:
    if stratify in (None, DISAGREEMENT):
        return [""] * len(reviewed.examples)
    if stratify == GROUP:
        if all(example.group is None for example in reviewed.examples):
            raise FtbenchError(
                "--stratify group: the examples have no group. Set dataset.group, or leave --stratify out"
            )
        return [example.group if example.group is not None else example.id for example in reviewed.examples]
    columns = sorted({column for example in reviewed.examples for column in example.slices})
    name = stratify.removeprefix("slice:")
    if name == "slice" and len(columns) == 1:
        name = columns[0]
    if name not in columns:
        raise FtbenchError(
            f"--stratify {stratify}: is neither group, disagreement nor a slice of these examples"
            f" ({', '.join(columns) or 'they have none'})"
        )
    return [example.slices.get(name, "") for example in reviewed.examples]


def _alike(reviewed: Reviewed, one: Comparison) -> bool:
    return len({spelled_out(reviewed.systems[place].outputs[one.example]) for place in one.systems}) == 1


def _scored_apart(one: Comparison, scores: Mapping[int, Mapping[str, float]]) -> bool:
    values = {scores.get(place, {}).get(one.example) for place in one.systems}
    return len(values) > 1 and None not in values
