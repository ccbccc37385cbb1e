"""Which cells are worth considering, by quality against cost, when quality is known only up to chance.

A cell leaves the frontier only when another that costs less is *shown* to be no worse by the margin (or one that costs
the same is shown to be better). A gap that is merely not significant shows nothing: both stay, and the pair is named as
undecided (docs/mistakes.md, number 26). A cell whose cost is unknown neither leaves nor drives out (mistake 31).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

BETTER, WORSE, EQUIVALENT, NOT_WORSE, NOT_BETTER = "better", "worse", "equivalent", "not worse", "not better"
"""As in ``ftbench.stats.paired.VERDICTS``; cost imports core alone."""
NON_INFERIOR = (BETTER, EQUIVALENT, NOT_WORSE)
TURNED = {BETTER: WORSE, WORSE: BETTER, NOT_WORSE: NOT_BETTER, NOT_BETTER: NOT_WORSE}

ON, UNDECIDED, OFF, UNPRICED = "on", "undecided", "off", "cost unknown"
"""How a cell stands to the frontier."""
MARKS = {ON: "*", UNDECIDED: "undecided", OFF: "", UNPRICED: "cost unknown"}
"""What stands in a table's column."""

Verdicts = Mapping[tuple[str, str], str]


def verdicts_of(pairs: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """Returns the verdicts that ``places`` and ``recommend`` weigh, of pairs as ``results.json`` holds them.

    Worse for certain, but by less than the gap that matters, is no worse by the margin.
    """
    return {(pair["first"], pair["second"]): EQUIVALENT if pair["within_margin"] else pair["verdict"] for pair in pairs}


def verdict_of(verdicts: Verdicts, first: str, second: str) -> str:
    """Returns what may be said of ``first`` against ``second``, whichever way round the pair was compared;
    ``undecided`` where it was not.
    """
    if (first, second) in verdicts:
        return verdicts[first, second]
    found = verdicts.get((second, first), "undecided")
    return TURNED.get(found, found)


@dataclass(frozen=True)
class Place:
    """Where one cell stands.

    Attributes:
        name: of the cell.
        cost: of the basis that is weighed; None is unknown.
        on_frontier: whether nothing drove it out.
        beaten_by: the cheapest cell that did, or None.
        undecided: names of cells that it is undecided against and that would decide its place: cheaper ones that may be
            as good, and dearer ones that may be no better. Only of cells on the frontier.
    """

    name: str
    cost: float | None
    on_frontier: bool
    beaten_by: str | None
    undecided: tuple[str, ...]

    @property
    def state(self) -> str:
        """``on``, ``undecided``, ``off`` or ``cost unknown``."""
        if not self.on_frontier:
            return OFF
        return UNPRICED if self.cost is None else UNDECIDED if self.undecided else ON

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "undecided": list(self.undecided)}


def places(costs: Mapping[str, float | None], verdicts: Verdicts) -> list[Place]:
    """Places each cell.

    Args:
        costs: name -> cost, in any one unit; None is unknown.
        verdicts: (first, second) -> verdict of the paired comparison; each pair once.
    """
    found: dict[str, str | None] = {}
    for name, cost in costs.items():
        found[name] = None
        if cost is None:
            continue
        drivers = [
            (price, other)
            for other, price in costs.items()
            if other != name and price is not None and _drives_out(verdict_of(verdicts, other, name), price, cost)
        ]
        found[name] = min(drivers)[1] if drivers else None
    staying = [name for name, driver in found.items() if driver is None]
    return [
        Place(
            name,
            costs[name],
            found[name] is None,
            found[name],
            (
                tuple(other for other in staying if other != name and _open(name, other, costs, verdicts))
                if name in staying
                else ()
            ),
        )
        for name in costs
    ]


def _drives_out(verdict: str, price: float, cost: float) -> bool:
    return (verdict in NON_INFERIOR and price < cost) or (verdict == BETTER and price == cost)


def _open(name: str, other: str, costs: Mapping[str, float | None], verdicts: Verdicts) -> bool:
    """Tells whether more data could take one of two cells off the frontier: nothing says that the dearer one is
    better.
    """
    mine, theirs = costs[name], costs[other]
    verdict = verdict_of(verdicts, name, other)
    if mine is None or theirs is None or mine == theirs:
        return verdict not in (BETTER, WORSE)
    return verdict != (BETTER if mine > theirs else WORSE)


def best_first(names: Sequence[str], level: Iterable[tuple[str, str]], costs: Mapping[str, float | None]) -> list[str]:
    """Returns names as ``recommend`` takes them; of those that score exactly as the best does, the cheapest first where
    the cost of each is known.

    Nothing speaks for the dearer of two cells with the same score: it must not be recommended because its name comes
    first.

    Args:
        names: best quality first.
        level: pairs of exactly the same score.
        costs: name -> cost.
    """
    pairs = set(level)
    same = [name for name in names if name == names[0] or (names[0], name) in pairs or (name, names[0]) in pairs]
    priced = [(cost, name) for name in same if (cost := costs.get(name)) is not None]
    if len(priced) < len(same):
        return list(names)
    order = {name: place for place, name in enumerate(names)}
    return [name for _, name in sorted(priced, key=lambda one: (one[0], order[one[1]]))] + [
        name for name in names if name not in same
    ]


@dataclass(frozen=True)
class Limit:
    """One constraint on one cell.

    Attributes:
        name: ``p95_ms``, ``usd_per_1k``, ``forgetting`` or ``peak_gb``.
        most: the limit.
        value: measured; None is unknown.
        kept: True, False, or None where the value is unknown.
    """

    name: str
    most: float
    value: float | None
    kept: bool | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def limits(constraints: Mapping[str, float | None], values: Mapping[str, float | None]) -> list[Limit]:
    """Returns how a cell stands to each constraint that is set; what is unknown is not kept and not broken."""
    found = []
    for name, most in constraints.items():
        if most is not None:
            value = values.get(name)
            found.append(Limit(name, float(most), value, None if value is None else value <= most))
    return found


@dataclass(frozen=True)
class Recommendation:
    """What to take, and what is open about it.

    Attributes:
        choice: name, or None where no cell keeps every constraint.
        best: the best of the cells that keep every constraint; the choice is shown to be no worse than it, or is it.
        undecided: cheaper cells that keep every constraint and may be as good as the best.
        excluded: names of cells that break a constraint, or that nothing is known of in one.
    """

    choice: str | None
    best: str | None
    undecided: tuple[str, ...]
    excluded: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "undecided": list(self.undecided), "excluded": list(self.excluded)}


def recommend(
    ordered: Sequence[str], costs: Mapping[str, float | None], verdicts: Verdicts, allowed: Callable[[str], bool]
) -> Recommendation:
    """Recommends the cheapest cell that is shown to be no worse than the best one; the best one where none is.

    Args:
        ordered: names, best quality first.
        costs: name -> cost; a cell of unknown cost is never called cheaper.
        verdicts: as for ``places``.
        allowed: whether a cell keeps every constraint.
    """
    usable = [name for name in ordered if allowed(name)]
    excluded = tuple(name for name in ordered if name not in usable)
    if not usable:
        return Recommendation(None, None, (), excluded)
    best = usable[0]
    known = {name: cost for name in usable if (cost := costs[name]) is not None}
    as_good = [
        (known[name], name) for name in known if name == best or verdict_of(verdicts, name, best) in NON_INFERIOR
    ]
    choice = min(as_good)[1] if best in known else best
    cheaper = [name for name in known if choice in known and known[name] < known[choice]]
    undecided = tuple(name for name in cheaper if verdict_of(verdicts, name, best) not in (*NON_INFERIOR, WORSE))
    return Recommendation(choice, best, undecided, excluded)
