"""Names of cells short enough for a chart: what all of them share is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence


def short(labels: Mapping[str, str]) -> dict[str, str]:
    """Returns id -> label without the words that all labels share; labels stay distinct and never become empty."""
    if len(labels) < 2:
        return dict(labels)
    words = {identity: label.split() for identity, label in labels.items()}
    shared = set.intersection(*(set(found) for found in words.values()))
    shortened = {identity: " ".join(word for word in found if word not in shared) for identity, found in words.items()}
    return {identity: shortened[identity] or labels[identity] for identity in labels}


def distinct(labels: Sequence[tuple[str, str, str]]) -> dict[str, str]:
    """Returns id -> label for cells of several sweeps; cells of the same label get their sweep's name, then their id.

    Args:
        labels: id, label and sweep's name.
    """
    seen = Counter(label for _, label, _ in labels)
    named = {identity: f"{label} · {sweep}" if seen[label] > 1 else label for identity, label, sweep in labels}
    again = Counter(named.values())
    return {identity: f"{label} {identity[:4]}" if again[label] > 1 else label for identity, label in named.items()}
