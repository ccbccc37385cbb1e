"""Which texts stand inside others, word by word: the 13-gram overlap by which the field decontaminates training data.

A sought text of 13 words or more is there when one of its runs of 13 words is (Brown et al. 2020, appendix C; Gao et
al. 2021, lm-evaluation-harness), and the share of its runs that are says how much of it; a shorter one must be there
whole. Runs that many sought texts share are their template, runs that many searched texts share are phrases of the
language or of a form; neither counts. Case, punctuation, accents and spacing make no difference (``likeness.words``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

from ftbench.data.inspection.likeness import COMMON_LEAST, COMMON_SHARE

LENGTH = 13
PHRASE_LEAST = 10
"""A run found in more searched texts than this, and in more than ``COMMON_SHARE`` of them, is a common phrase (GPT-3
took 10 documents).
"""
_PROBE = 5


class Passages:
    """Sought texts, by key.

    Args:
        sought: key and words of each; texts of fewer than ``least`` words are too short to be told from chance and left
            out.
        least: at least 5.
    """

    def __init__(self, sought: Iterable[tuple[Hashable, Sequence[str]]], least: int = _PROBE) -> None:
        runs: dict[Hashable, list[tuple[str, ...]]] = {}
        for key, found in sought:
            if len(found) >= max(least, _PROBE):
                runs[key] = (
                    [tuple(found)]
                    if len(found) < LENGTH
                    else [tuple(found[at : at + LENGTH]) for at in range(len(found) - LENGTH + 1)]
                )
        holders = Counter(run for own in runs.values() for run in set(own))
        most = max(COMMON_LEAST, COMMON_SHARE * len(runs))
        self._owners: dict[tuple[str, ...], list[Hashable]] = defaultdict(list)
        self.sizes: dict[Hashable, int] = {}
        for key, own in runs.items():
            kept = {run for run in own if len(run) < LENGTH or holders[run] < most}
            self.sizes[key] = len(kept)
            for run in kept:
                self._owners[run].append(key)
        self._probes: dict[tuple[str, ...], set[int]] = defaultdict(set)
        for run in self._owners:
            self._probes[run[:_PROBE]].add(len(run))

    def search(self, texts: Iterable[tuple[Hashable, Sequence[str]]]) -> dict[tuple[Hashable, Hashable], float]:
        """Returns (key of the searched text, key of the sought one) -> share of its runs that stand in it, above 0.

        Args:
            texts: key and words of each text to look through.
        """
        places: dict[tuple[str, ...], list[Hashable]] = defaultdict(list)
        size = 0
        for key, found in texts:
            size += 1
            for run in set(self._within(found)):
                places[run].append(key)
        hits: Counter[tuple[Hashable, Hashable]] = Counter()
        for run, keys in places.items():
            if len(run) == LENGTH and len(keys) > max(PHRASE_LEAST, COMMON_SHARE * size):
                continue
            hits.update((key, owner) for key in keys for owner in self._owners[run])
        return {pair: count / self.sizes[pair[1]] for pair, count in hits.items()}

    def _within(self, found: Sequence[str]) -> Iterable[tuple[str, ...]]:
        for at in range(len(found) - _PROBE + 1):
            for length in self._probes.get(tuple(found[at : at + _PROBE]), ()):
                run = tuple(found[at : at + length])
                if run in self._owners:
                    yield run
