"""Rows that stand more than once: within a split to be told of, before a split to be kept together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ftbench.core.example import Example
from ftbench.data.inspection.alike import Lookup, nameless_prompts, reworded
from ftbench.data.inspection.rows import Row, ready


@dataclass(frozen=True)
class Twins:
    """Rows of one split that stand there more than once.

    Attributes:
        exact: clusters of ids whose prompts are the same.
        near: clusters of ids whose prompts are alike, each of at least two different prompts.
        contradicting: clusters among ``exact`` whose answers differ.
    """

    exact: tuple[tuple[str, ...], ...]
    near: tuple[tuple[str, ...], ...]
    contradicting: tuple[tuple[str, ...], ...]


def find_twins(rows: Sequence[Row], similarity: float) -> Twins:
    """Finds repeated rows within one split. A row is compared with the first of each cluster, so a thousand copies cost
    a thousand looks.
    """
    nameless = nameless_prompts(rows)
    by_key: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.key not in nameless:
            by_key[row.key].append(row)
    exact = [same for same in by_key.values() if len(same) > 1]
    firsts = [same[0] for same in by_key.values()]
    lookup = Lookup(firsts, similarity)
    clusters: dict[str, list[Row]] = {}
    for row in firsts:
        home = next((other.key for degree, other in lookup.alike(row) if reworded(row, other, degree)), None)
        if home is None:
            clusters[row.key] = [row]
            lookup.add(row)
        else:
            clusters[home].append(row)
    near = [cluster for cluster in clusters.values() if len(cluster) > 1]
    differing = [same for same in exact if len({row.answer_key for row in same}) > 1]
    return Twins(
        *(tuple(tuple(row.example.id for row in cluster) for cluster in kind) for kind in (exact, near, differing))
    )


def alike_units(examples: Sequence[Example], similarity: float) -> list[int]:
    """Returns for each row the place of the first row that it must not be parted from: one with the same prompt, or the
    same reworded, or alike to one that is.
    """
    rows = ready([("train", example) for example in examples])
    nameless = nameless_prompts(rows)
    homes = list(range(len(rows)))

    def home(place: int) -> int:
        while homes[place] != place:
            homes[place] = homes[homes[place]]
            place = homes[place]
        return place

    firsts: dict[str, int] = {}
    lookup = Lookup(rows, similarity)
    for place, row in enumerate(rows):
        if row.key in firsts:
            homes[place] = firsts[row.key]
            continue
        firsts[row.key] = place
        if row.key in nameless:
            continue
        for degree, other in lookup.alike(row):
            if reworded(row, other, degree):
                one, two = home(place), home(firsts[other.key])
                homes[max(one, two)] = min(one, two)
        lookup.add(row)
    return [home(place) for place in range(len(rows))]
