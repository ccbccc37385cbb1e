"""What is decided of each family at the stated load: what its cells cost to own, which stay on the frontier, which
break a constraint, where one overtakes another, and the verdict (``ftbench.analysis.verdict``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from ftbench.analysis.approaches import Approach
from ftbench.analysis.ownership import (
    approach_of,
    baseline_of,
    choice_of,
    comparable_costs,
    constrained_values,
    left_out,
    load_of,
)
from ftbench.analysis.ranking import Family
from ftbench.analysis.rows import Row
from ftbench.analysis.verdict import Verdict, candidates, decide_between, passed_over
from ftbench.cost.break_even import break_even
from ftbench.cost.frontier import Limit, Place, limits, mark_frontier, verdicts_of
from ftbench.cost.ownership import Choice, Load, Ownership, ownership
from ftbench.cost.payback import returns


@dataclass(frozen=True)
class Decision:
    """The verdict on one family at the stated load, and what it rests on.

    Attributes:
        load: that was stated, or None.
        basis: one of ``ftbench.analysis.ownership.BASES``, or None where no cost is known of every cell.
        choices: what each cell costs, for other loads too.
        owned: at the stated load.
        places: on or off the frontier; trials that validation passed over have none.
        kept: cell -> how it stands to each constraint.
        verdict: what is recommended, and what is open.
        break_even, returns: between frontier cells, and against the baseline.
        baseline: id of the cell that returns are told against, or None.
        left_out: what no sum holds, in words.
        costs: cell -> cost in ``basis``.
    """

    load: Load | None
    basis: str | None
    choices: tuple[Choice, ...]
    owned: tuple[Ownership, ...]
    places: tuple[Place, ...]
    kept: dict[str, tuple[Limit, ...]]
    verdict: Verdict
    break_even: tuple[dict[str, Any], ...]
    returns: tuple[dict[str, Any], ...]
    baseline: str | None
    left_out: tuple[str, ...]
    costs: dict[str, float | None]

    def as_dict(self) -> dict[str, Any]:
        return {
            "load": None if self.load is None else asdict(self.load),
            "basis": self.basis,
            "choices": [choice.as_dict() for choice in self.choices],
            "ownership": [owned.as_dict() for owned in self.owned],
            "places": [place.as_dict() for place in self.places],
            "constraints": {cell: [limit.as_dict() for limit in own] for cell, own in self.kept.items()},
            "recommendation": self.verdict.as_dict(),
            "break_even": list(self.break_even),
            "returns": list(self.returns),
            "baseline": self.baseline,
            "left_out": list(self.left_out),
            "costs": self.costs,
        }


def decide(
    family: Family,
    rows: Sequence[Row],
    approaches: Sequence[Approach],
    settings: Mapping[str, Any],
    failed_usd: Mapping[str, float | None],
    primary: str,
    methods: Mapping[str, str],
) -> Decision:
    """Decides one family.

    Args:
        rows: of its cells, best first.
        approaches: of the whole matrix.
        settings: ``decision`` of the config; keys that an older plan lacks stand at their defaults.
        failed_usd: cell -> what its failed attempts cost.
        primary: the metric.
        methods: cell -> what it shares with its other seeds.
    """
    choices = {
        row.id: choice_of(row, approach_of(approaches, row.id), settings, failed_usd.get(row.id, 0.0)) for row in rows
    }
    load = load_of(settings)
    owned = {name: ownership(choice, load) for name, choice in choices.items()} if load is not None else {}
    costs, basis = comparable_costs(rows, owned)
    constraints = settings.get("constraints") or {}
    kept = {row.id: tuple(limits(constraints, constrained_values(row, owned.get(row.id)))) for row in rows}
    plain, rolled = family.as_dict(), [approach.as_dict() for approach in approaches]
    found = mark_frontier(
        {cell: cost for cell, cost in costs.items() if cell not in passed_over(rolled)}, verdicts_of(plain["pairs"])
    )
    verdict = decide_between(
        plain,
        candidates(family.cells, rolled, methods),
        {row.id: float(row.value(primary)) for row in rows},
        costs,
        lambda cell: all(limit.kept for limit in kept[cell]),
        settings.get("margin"),
        all(row.scores[primary].get("higher_is_better", True) for row in rows),
    )
    baseline = baseline_of(rows, settings, costs)
    between: list[dict[str, Any]] = []
    against: list[dict[str, Any]] = []
    if load is not None:
        staying = [choices[place.name] for place in found if place.on_frontier]
        between = [break_even(one, other, load).as_dict() for one, other in combinations(staying, 2)]
        rest = [choice for name, choice in choices.items() if baseline is not None and name != baseline]
        against = [returns(choice, choices[str(baseline)], load).as_dict() for choice in rest]
    return Decision(
        load=load,
        basis=basis,
        choices=tuple(choices.values()),
        owned=tuple(owned.values()),
        places=tuple(found),
        kept=kept,
        verdict=verdict,
        break_even=tuple(between),
        returns=tuple(against),
        baseline=baseline,
        left_out=tuple(left_out(settings)),
        costs=costs,
    )
