"""The verdict on cells over the same examples: what is recommended, what is undecided, what breaks a constraint,
whether the lead is shown, and the headline.

Terminal, page, app, ``advise`` and ``results.json`` quote it; none of them decides for itself. The arithmetic is in
``ftbench.cost.frontier``.

What is weighed is a *candidate*: an approach with the seeds of the configuration that validation chose for it. Its
trials that were passed over are none (mistake 29), and its seeds are no rivals of one another (mistakes 27 and 46).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from ftbench.cost.frontier import BETTER, EQUIVALENT, NON_INFERIOR, WORSE, best_first, recommend, verdict_of
from ftbench.stats.paired import UNDECIDED, verdict_on

NOTHING, ALONE, CLEAR = "nothing", "alone", "clear"
"""Headlines beside ``undecided``: no cell keeps every constraint, one does, or nothing is open."""

Candidates = Sequence[tuple[str, ...]]
"""Ids of the cells of each candidate, one per seed; the first speaks for it."""


@dataclass(frozen=True)
class Verdict:
    """What is decided of one family; candidates are named by the id of their first cell.

    Attributes:
        headline: ``nothing``, ``alone``, ``clear`` or ``undecided``.
        choice: recommended: the cheapest that is shown to be no worse than the best by the margin, else the best; None
            where none keeps every constraint.
        best: the best of those that keep every constraint.
        undecided: cheaper ones that keep every constraint and may be as good as the best.
        contenders: those that may be the best: keep every constraint, and none that does is shown to be better.
        cheapest: of the contenders; None where the cost of one is unknown.
        excluded: cells of the candidates that are not known to keep every constraint.
        cells: of the recommended candidate, one per seed.
        by_margin: whether the margin makes the choice: then it is recommended even while cheaper ones are undecided.
    """

    headline: str
    choice: str | None = None
    best: str | None = None
    undecided: tuple[str, ...] = ()
    contenders: tuple[str, ...] = ()
    cheapest: str | None = None
    excluded: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    by_margin: bool = False

    @property
    def lead_shown(self) -> bool:
        """Whether the best is shown to be better than every other that keeps the constraints."""
        return len(self.contenders) == 1

    @staticmethod
    def read(data: Mapping[str, Any]) -> Verdict:
        """Returns the verdict that ``results.json`` holds."""
        return Verdict(**{name: tuple(value) if isinstance(value, list) else value for name, value in data.items()})

    def as_dict(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def candidates(
    cells: Sequence[str], approaches: Sequence[Mapping[str, Any]], methods: Mapping[str, str]
) -> list[tuple[str, ...]]:
    """Returns what is weighed as one.

    Args:
        cells: that are ranked (and shown), best first.
        approaches: as in ``results.json``. Where nothing was chosen for one, its configurations stand for themselves.
        methods: cell -> what it shares with its other seeds.
    """
    shown, found, seen = set(cells), [], set()
    for approach in approaches:
        own = tuple(cell for cell in approach["cells"] if cell in shown)
        if own:
            found.append(own)
            seen.update(own, passed_over([approach]))
    alike: dict[str, list[str]] = {}
    for cell in cells:
        if cell not in seen:
            alike.setdefault(methods.get(cell, cell), []).append(cell)
    return [*found, *map(tuple, alike.values())]


def passed_over(approaches: Sequence[Mapping[str, Any]]) -> set[str]:
    """Returns the cells of configurations that validation did not choose; on test they may only look lucky
    (mistake 29).
    """
    rest = [one for each in approaches if each["cells"] for one in each["configurations"] if not one["chosen"]]
    return {cell for one in rest for cell in one["cells"]}


def compared(
    family: Mapping[str, Any], own: Candidates, margin: float | None, higher: bool
) -> dict[tuple[str, str], tuple[str, bool]]:
    """Returns what is known of two candidates: the verdict on the first, and whether the gap lies within the margin.

    Methods are compared over their seeds where one has several, else the two checkpoints are; of a checkpoint against a
    method of several seeds nothing is known (mistake 27).
    """
    of = {cell: one for one in own for cell in one}
    found = {}
    for gap in family.get("methods", ()):
        sides = [next((of[cell] for cell in gap[side] if cell in of), None) for side in ("first", "second")]
        if None not in sides and sides[0] != sides[1]:
            tie = gap["low"] <= 0 <= gap["high"]
            found[sides[0][0], sides[1][0]] = verdict_on(gap["value"], gap["low"], gap["high"], tie, margin, higher)
    for pair in family.get("pairs") or family.get("comparisons", ()):
        if all(len(of.get(pair[side], ())) == 1 for side in ("first", "second")):
            known = margin is not None or pair["verdict"] in (BETTER, WORSE)
            within = margin is not None and pair["within_margin"]
            found[pair["first"], pair["second"]] = (pair["verdict"] if known else UNDECIDED, within)
    return found


def decide_between(
    family: Mapping[str, Any],
    own: Candidates,
    values: Mapping[str, float],
    costs: Mapping[str, float | None],
    kept: Callable[[str], bool],
    margin: float | None,
    higher: bool,
) -> Verdict:
    """Returns the verdict on the candidates of one family.

    Args:
        family: as in ``results.json``.
        own: see ``candidates``.
        values: cell -> value of the metric; ``higher`` says which way is up.
        costs: cell -> cost, in any one unit; None is unknown.
        kept: whether a cell is known to keep every constraint.
        margin: the smallest gap that matters; None where nobody said.
    """
    place = {cell: index for index, cell in enumerate(family["cells"])}
    mean = {one[0]: fmean(values[cell] for cell in one) for one in own}
    ordered = sorted(own, key=lambda one: (-mean[one[0]] if higher else mean[one[0]], min(place[cell] for cell in one)))
    names, of = [one[0] for one in ordered], {one[0]: one for one in ordered}
    price = {name: mean_cost([costs.get(cell) for cell in of[name]]) for name in names}
    usable = [name for name in names if all(kept(cell) for cell in of[name])]
    left = {cell for one in ordered if one[0] not in usable for cell in one}
    excluded = tuple(cell for cell in family["cells"] if cell in left)
    if not usable:
        return Verdict(NOTHING, excluded=excluded)
    known = compared(family, own, margin, higher)
    level = [pair for pair in known if mean[pair[0]] == mean[pair[1]]]
    usable = best_first(usable, level, price)
    best = usable[0]
    worse = _shown_worse(best, known)
    verdicts = {pair: EQUIVALENT if within else verdict for pair, (verdict, within) in known.items()}
    for name in worse:
        if verdict_of(verdicts, name, best) not in NON_INFERIOR:
            verdicts.pop((name, best), None)
            verdicts[best, name] = BETTER
    advised = recommend(usable, price, verdicts, lambda name: True)
    beaten = worse | {loser for winner, loser in _shown(known) if winner in usable}
    contenders = tuple(name for name in usable if name == best or name not in beaten)
    by_margin = margin is not None and len(usable) > 1 and (advised.choice != best or bool(advised.undecided))
    open_ = bool(advised.undecided) if by_margin else len(contenders) > 1
    priced = [(cost, name) for name in contenders if (cost := price[name]) is not None]
    return Verdict(
        headline=ALONE if len(usable) == 1 else UNDECIDED if open_ else CLEAR,
        choice=advised.choice,
        best=best,
        undecided=advised.undecided,
        contenders=contenders,
        cheapest=min(priced)[1] if len(priced) == len(contenders) else None,
        excluded=excluded,
        cells=of[str(advised.choice)],
        by_margin=by_margin,
    )


def _shown_worse(best: str, known: Mapping[tuple[str, str], tuple[str, bool]]) -> set[str]:
    """Returns what is shown to be worse than the best, directly or because it is worse than something that is: all
    claims of a family hold at once.
    """
    found, before = {best}, 0
    while len(found) > before:
        before = len(found)
        found |= {loser for winner, loser in _shown(known) if winner in found}
    return found - {best}


def _shown(known: Mapping[tuple[str, str], tuple[str, bool]]) -> list[tuple[str, str]]:
    """Returns (better, worse) of every pair that is told apart."""
    told = {BETTER: 1, WORSE: -1}
    return [pair[:: told[verdict]] for pair, (verdict, _) in known.items() if verdict in told]


def mean_cost(costs: Sequence[float | None]) -> float | None:
    """Returns the mean over seeds; None where one is unknown."""
    known = [cost for cost in costs if cost is not None]
    return fmean(known) if len(known) == len(costs) else None
