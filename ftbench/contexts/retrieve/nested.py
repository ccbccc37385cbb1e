"""Retrievers as nodes of a config, and what several of them share."""

from __future__ import annotations

from typing import Any

import numpy as np

from ftbench.core.component import build_for, node
from ftbench.core.components.retriever import Hit, Retriever
from ftbench.core.errors import Problem, Refused, under


def nested(config: Any, where: str) -> Retriever:
    """Builds the retriever of a node.

    Raises:
        Refused: when the node is none, or no retriever's.
    """
    made = build_for("context/retriever", config, where)
    assert isinstance(made, Retriever)
    return made


def nested_problems(config: Any, where: str) -> list[Problem]:
    """Returns what is wrong with a nested retriever's node, with full places."""
    try:
        made = nested(config, where)
    except Refused as refused:
        return refused.problems
    return under(where, made.check())


def resolved(config: Any, where: str) -> dict[str, Any]:
    """Returns the node of a nested retriever with its places made absolute."""
    return node(nested(config, where).resolve())


def best(scores: np.ndarray, k: int, least: float) -> list[Hit]:
    """Returns the ``k`` highest of scores [chunks] above ``least``, ties in the order of the corpus."""
    if k < len(scores):
        bar = np.partition(scores, len(scores) - k)[len(scores) - k]
        places = np.flatnonzero((scores >= bar) & (scores > least))
    else:
        places = np.flatnonzero(scores > least)
    order = places[np.lexsort((places, -scores[places]))][:k]
    return [Hit(int(place), round(float(scores[place]), 5)) for place in order]
