"""A preference between two systems, told from the winner's side: name, win rate, interval and wins belong together.

Terminal, ``conclusions.json``, ``results.json`` and pages all take a pair from here, so that none of them can put the
numbers of one system beside the name of the other (docs/mistakes.md, number 43).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftbench.stats.paired import BETTER, WORSE

EXCHANGED = {"first": "second", "second": "first", "win": "loss", "loss": "win"}


def winner_first(pair: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a pair of ``conclusions.json`` with the winner as ``first``; one without a winner as it is.

    Args:
        pair: ``first, second``, and of the first against the second ``win, loss, win_rate`` (each ``value, low,
            high``), ``sign_test`` and ``verdict``.
    """
    if pair.get("verdict") != WORSE:
        return dict(pair)
    turned = {key: pair[EXCHANGED.get(key, key)] for key in pair}
    rate = pair.get("win_rate")
    if rate is not None:
        turned["win_rate"] = {"value": _rest(rate["value"]), "low": _rest(rate["high"]), "high": _rest(rate["low"])}
    test = pair.get("sign_test")
    if test is not None and {"positive", "negative"} <= test.keys():
        turned["sign_test"] = {**test, "positive": test["negative"], "negative": test["positive"]}
    return {**turned, "verdict": BETTER}


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share
