"""Pairs of sets that may be alike, without looking at all pairs: an exact join for few sets, MinHash with LSH for many.

Both are asked the same question and only propose: whoever asks looks at each proposed pair itself. ``Join`` misses
nothing: two sets of Jaccard index t share one of the ``n - ceil(t n) + 1`` rarest features of each (Chaudhuri et al.
2006, prefix filtering). ``Sketches`` (``datasketch``) misses a pair of Jaccard index j with probability ``(1 -
j**4)**32``: 1 in 80 at 0.6, 1 in 6,000 at 0.7, less than 1 in 10**7 at 0.8. Its sketches cost the same however often a
feature occurs, which the join's do not: that is why it takes over where rows are many.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import Protocol

import numpy as np

BANDS, ROWS = 32, 4
JOINED = 5_000
"""Sets up to which the exact join is taken: as many as a plan looks at, which so waits for no import. At 10,000 short
rows the join takes 5.2 s of CPU time and the sketches 2.9, at 100,000 they take 59 (``python -m benchmarks.leaks``).
"""


class Candidates(Protocol):
    """An index of sets of feature numbers."""

    def add(self, key: Hashable, features: np.ndarray) -> None: ...

    def near(self, features: np.ndarray) -> list[Hashable]:
        """Returns the keys added so far whose sets may be alike to ``features``, in the order added."""


def candidates(sets: Sequence[np.ndarray], least: float) -> Candidates:
    """Returns an empty index for a collection, of which any part may be added; pairs of Jaccard index ``least`` are to
    be proposed.
    """
    return Join(sets, least) if len(sets) <= JOINED else Sketches()


class Join:
    """Exact: an inverted index over the rarest features of each set.

    Args:
        sets: all that will be added or asked for; decides which features are rare.
        least: Jaccard index from which on every pair is proposed.
    """

    def __init__(self, sets: Sequence[np.ndarray], least: float) -> None:
        self._least = least
        self._frequency: Counter[int] = Counter()
        for features in sets:
            self._frequency.update(features.tolist())
        self._holders: dict[int, list[int]] = defaultdict(list)
        self._keys: list[Hashable] = []

    def add(self, key: Hashable, features: np.ndarray) -> None:
        for feature in self._rare(features):
            self._holders[feature].append(len(self._keys))
        self._keys.append(key)

    def near(self, features: np.ndarray) -> list[Hashable]:
        found = {place for feature in self._rare(features) for place in self._holders.get(feature, ())}
        return [self._keys[place] for place in sorted(found)]

    def _rare(self, features: np.ndarray) -> list[int]:
        ordered = sorted(features.tolist(), key=lambda feature: (self._frequency[feature], feature))
        return ordered[: len(ordered) - math.ceil(self._least * len(ordered)) + 1]


class Sketches:
    """MinHash signatures of 128 permutations in an LSH of 32 bands of 4."""

    def __init__(self) -> None:
        from datasketch import MinHash, MinHashLSH

        self._empty = MinHash(num_perm=BANDS * ROWS, seed=1, hashfunc=int)
        self._index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
        self._places: dict[Hashable, int] = {}

    def add(self, key: Hashable, features: np.ndarray) -> None:
        if len(features):
            self._places[key] = len(self._places)
            self._index.insert(key, self._signature(features), check_duplication=False)

    def near(self, features: np.ndarray) -> list[Hashable]:
        found = self._index.query(self._signature(features)) if len(features) else []
        return sorted(found, key=self._places.__getitem__)

    def _signature(self, features: np.ndarray):
        signature = self._empty.copy()
        signature.update_batch(features.tolist())
        return signature
