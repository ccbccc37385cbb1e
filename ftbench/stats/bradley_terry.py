"""Strengths from comparisons: the Bradley-Terry model with ties (Davidson 1970), by maximum likelihood.

Of systems with abilities ``a`` and a propensity to tie ``t``, the first is preferred with a chance in proportion to
``exp(a1)``, the second to ``exp(a2)``, and they tie in proportion to ``exp(t + (a1 + a2) / 2)``. That is log-linear, so
the likelihood is concave. It has a finite maximum unless some direction of the parameters makes no outcome less likely
and some more: Ford's condition (1957) where there are no ties, and Albert and Anderson's (1984) in general, found by a
linear program. Without a finite maximum any printed strength would be an artifact of when the optimizer gave up; the
regularized fit adds half a win, half a loss and, where ties occur, half a tie to every pair, and says so.

Intervals are Wald's with the sandwich over clusters (verdicts of one example count together), relative to the
reference. No Elo: it depends on the order in which the verdicts came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

FIRST, TIE, SECOND = 0, 1, 2


@dataclass(frozen=True)
class Strength:
    """One system.

    Attributes:
        system: its name.
        ability: natural logarithm of its strength, the reference being 0.
        low, high: interval of the difference to the reference; None for the reference and where there is none.
        error: standard error.
    """

    system: str
    ability: float
    low: float | None
    high: float | None
    error: float | None


@dataclass(frozen=True)
class BradleyTerry:
    """A fit.

    Attributes:
        strengths: best first.
        reference: the system at 0.
        tie: log propensity to tie; None where no ties were seen.
        finite: whether the maximum-likelihood estimate exists.
        regularised: whether these strengths are the regularized ones, because it does not.
        why: why no finite estimate exists, else None.
        comparisons: weight of all comparisons.
        clusters: independent clusters.
    """

    strengths: tuple[Strength, ...]
    reference: str
    tie: float | None
    finite: bool
    regularised: bool
    why: str | None
    comparisons: float
    clusters: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Data:
    """Comparisons as arrays: places of both systems, outcome, weight, cluster."""

    first: np.ndarray
    second: np.ndarray
    outcome: np.ndarray
    weight: np.ndarray
    size: int
    ties: bool

    def designs(self) -> np.ndarray:
        """Returns [n, 3, parameters]: what each outcome of each comparison adds to the score of that outcome."""
        n, width = len(self.first), self.size + self.ties
        design = np.zeros((n, 3, width))
        rows = np.arange(n)
        design[rows, FIRST, self.first] = 1
        design[rows, SECOND, self.second] = 1
        design[rows, TIE, self.first] += 0.5
        design[rows, TIE, self.second] += 0.5
        if self.ties:
            design[:, TIE, -1] = 1
        return design


def bradley_terry(
    systems: Sequence[str],
    first: Sequence[int],
    second: Sequence[int],
    outcome: Sequence[int],
    weight: Sequence[float],
    codes: Sequence[int],
    *,
    reference: str,
    confidence: float,
) -> BradleyTerry:
    """Fits the model.

    Args:
        systems: names.
        first, second: [n] places in ``systems`` of what was compared.
        outcome: [n] ``FIRST``, ``TIE`` or ``SECOND``.
        weight: [n] of each row, such as one over the verdicts on that comparison.
        codes: [n] cluster of each row.
        reference: the system at 0.
        confidence: of the intervals, each for itself.

    Raises:
        ValueError: for no comparisons, or an unknown reference.
    """
    outcomes = np.asarray(outcome, dtype=np.int64)
    if not len(outcomes) or reference not in systems:
        raise ValueError("strengths need comparisons, and a reference among the systems")
    ties = bool((outcomes == TIE).any())
    weights = np.asarray(weight, dtype=np.float64)
    data = _Data(np.asarray(first), np.asarray(second), outcomes, weights, len(systems), ties)
    why = _not_finite(systems, data)
    clusters = len(set(codes))
    fitted = _regularised(data) if why else data
    values = _fit(fitted)
    place = list(systems).index(reference)
    values[: data.size] -= values[place]
    covariance = None if why or clusters < 2 else _sandwich(data, values, np.asarray(codes))
    shared = (values, place, covariance, clusters, confidence)
    strengths = [_strength(index, name, *shared) for index, name in enumerate(systems)]
    # rounding must not order what is equal
    strengths.sort(key=lambda found: (-round(found.ability, 9), list(systems).index(found.system)))
    tie = float(values[-1]) if ties else None
    return BradleyTerry(
        tuple(strengths), reference, tie, why is None, why is not None, why, float(data.weight.sum()), clusters
    )


def _strength(
    index: int,
    name: str,
    values: np.ndarray,
    place: int,
    covariance: np.ndarray | None,
    clusters: int,
    confidence: float,
) -> Strength:
    from scipy.special import stdtrit

    ability = float(values[index]) if abs(values[index]) > 1e-12 else 0.0
    if index == place or covariance is None:
        return Strength(name, ability, None, None, None)
    variance = covariance[index, index] + covariance[place, place] - 2 * covariance[index, place]
    error = float(np.sqrt(max(variance, 0.0)))
    half = float(stdtrit(clusters - 1, (1 + confidence) / 2)) * error
    return Strength(name, ability, ability - half, ability + half, error)


def _probabilities(design: np.ndarray, values: np.ndarray, ties: bool) -> np.ndarray:
    """Returns [n, 3] chances of the outcomes; without ties that outcome has none."""
    scores: np.ndarray = design @ values
    if not ties:
        scores[:, TIE] = -np.inf
    scores -= scores.max(axis=1, keepdims=True)
    chances: np.ndarray = np.exp(scores)
    chances /= chances.sum(axis=1, keepdims=True)
    return chances


def _fit(data: _Data) -> np.ndarray:
    """Returns the parameters that maximize the likelihood, by Newton's method with halved steps; abilities add
    up to 0.
    """
    design = data.designs()
    seen = design[np.arange(len(design)), data.outcome]
    values = np.zeros(design.shape[2])

    def value_of(candidate: np.ndarray) -> float:
        chances = _probabilities(design, candidate, data.ties)
        return float(data.weight @ np.log(chances[np.arange(len(design)), data.outcome]))

    best = value_of(values)
    for _ in range(200):
        gradient, information = _slopes(data, design, seen, values)
        # one direction, the same added to all abilities, changes nothing: the pseudo-inverse leaves it alone
        step = np.linalg.pinv(information, rcond=1e-12, hermitian=True) @ gradient
        scale = 1.0
        while scale > 1e-6 and value_of(values + scale * step) < best - 1e-12:
            scale /= 2
        values = values + scale * step
        best = value_of(values)
        if np.abs(step).max() < 1e-10:
            break
    return values


def _slopes(data: _Data, design: np.ndarray, seen: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns gradient [parameters] and information [parameters, parameters] of the log-likelihood."""
    chances = _probabilities(design, values, data.ties)
    mean = np.einsum("no,nop->np", chances, design)
    gradient = data.weight @ (seen - mean)
    squares = np.einsum("n,no,nop,noq->pq", data.weight, chances, design, design)
    return gradient, squares - np.einsum("n,np,nq->pq", data.weight, mean, mean)


def _sandwich(data: _Data, values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Returns the covariance of the parameters with rows of one cluster taken together (Liang and Zeger 1986)."""
    design = data.designs()
    seen = design[np.arange(len(design)), data.outcome]
    mean = np.einsum("no,nop->np", _probabilities(design, values, data.ties), design)
    dense = np.unique(codes, return_inverse=True)[1]
    size = int(dense.max()) + 1
    scores = np.zeros((size, design.shape[2]))
    np.add.at(scores, dense, data.weight[:, None] * (seen - mean))
    bread = np.linalg.pinv(_slopes(data, design, seen, values)[1], rcond=1e-12, hermitian=True)
    return bread @ (scores.T @ scores) @ bread * size / (size - 1)


def _regularised(data: _Data) -> _Data:
    """Returns the data with half a win, half a loss and, where ties occur, half a tie for every pair of systems."""
    pairs = [(i, j) for i in range(data.size) for j in range(i + 1, data.size)]
    outcomes = (FIRST, TIE, SECOND) if data.ties else (FIRST, SECOND)
    extra = [(i, j, outcome) for i, j in pairs for outcome in outcomes]
    first, second, outcome = (np.array(column) for column in zip(*extra, strict=True))
    more = (first, second, outcome, np.full(len(extra), 0.5))
    columns = zip((data.first, data.second, data.outcome, data.weight), more, strict=True)
    first, second, outcome, weight = (np.concatenate(column) for column in columns)
    return _Data(first, second, outcome, weight, data.size, data.ties)


def _not_finite(systems: Sequence[str], data: _Data) -> str | None:
    """Returns why there is no finite maximum, None where there is one."""
    parts = _components(data.size, [(i, j) for i, j in zip(data.first, data.second, strict=True)], directed=False)
    if len(parts) > 1:
        groups = " | ".join(", ".join(systems[place] for place in part) for part in parts)
        return f"the comparisons fall into groups that never met: {groups}"
    if not _recedes(data):
        return None
    beats = []
    for i, j, outcome in zip(data.first, data.second, data.outcome, strict=True):
        beats += [(int(i), int(j))] * int(outcome != SECOND) + [(int(j), int(i))] * int(outcome != FIRST)
    if len(_components(data.size, beats, directed=True)) > 1:
        reach = _reach(data.size, beats)
        # whoever beats or ties these, directly or through others, is one of them
        everybody = range(data.size)
        top = [one for one in everybody if all(reach[one][other] or not reach[other][one] for other in everybody)]
        return f"{', '.join(systems[place] for place in top)} never lost to any of the others"
    if (data.outcome == TIE).all():
        return "every comparison is a tie"
    lost = {*data.second[data.outcome == FIRST].tolist(), *data.first[data.outcome == SECOND].tolist()}
    never = [systems[place] for place in range(data.size) if place not in lost]
    if never:
        return f"{', '.join(never)} never lost, only won and tied"
    return "wins and ties are separated: no finite strengths fit them best"


def _recedes(data: _Data) -> bool:
    """Returns whether some direction makes no outcome less likely and one more: then no finite maximum exists."""
    from scipy.optimize import linprog

    design = data.designs()
    used = {
        (int(i), int(j), int(outcome)): index
        for index, (i, j, outcome) in enumerate(zip(data.first, data.second, data.outcome, strict=True))
    }
    rows = []
    for (_, _, outcome), index in used.items():
        for other in (FIRST, TIE, SECOND) if data.ties else (FIRST, SECOND):
            if other != outcome:
                rows.append(design[index, outcome] - design[index, other])
    better = np.array(rows)
    least, bounds = np.zeros(len(better)), [(-1, 1)] * better.shape[1]
    found = linprog(-better.sum(axis=0), A_ub=-better, b_ub=least, bounds=bounds, method="highs")
    return bool(found.status != 0 or -found.fun > 1e-7)


def _reach(size: int, edges: Sequence[tuple[int, int]]) -> list[list[bool]]:
    reach = [[i == j for j in range(size)] for i in range(size)]
    for i, j in edges:
        reach[i][j] = True
    for k in range(size):
        for i in range(size):
            if reach[i][k]:
                reach[i] = [own or through for own, through in zip(reach[i], reach[k], strict=True)]
    return reach


def _components(size: int, edges: Sequence[tuple[int, int]], *, directed: bool) -> list[list[int]]:
    """Returns the (strongly) connected parts, each sorted."""
    both = list(edges) if directed else [*edges, *((j, i) for i, j in edges)]
    reach = _reach(size, both)
    parts: dict[tuple[bool, ...], list[int]] = {}
    for i in range(size):
        parts.setdefault(tuple(reach[i][j] and reach[j][i] for j in range(size)), []).append(i)
    return list(parts.values())
