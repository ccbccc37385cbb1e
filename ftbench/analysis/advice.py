"""What one family of cells gives reason to say, sentence by sentence: the verdict in full, what it costs, what breaks a
constraint, and rules of thumb held against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ftbench.analysis.ceilings import nothing_to_choose
from ftbench.analysis.family_figures import FamilyFigures
from ftbench.analysis.label_efficiency import lines
from ftbench.analysis.rules_of_thumb import amounts, knowledge
from ftbench.core.plan import Plan
from ftbench.cost.frontier import BETTER, EQUIVALENT, NON_INFERIOR, NOT_WORSE
from ftbench.stats.paired import UNDECIDED
from ftbench.stats.power import Sample, examples_for
from ftbench.text.numbers import money, share

THAN = {BETTER: "better than", EQUIVALENT: "equivalent to", NOT_WORSE: "no worse than"}
MOST_OPEN = 4
"""Undecided pairs and rivals named one by one; the rest are counted."""


@dataclass(frozen=True)
class Advice:
    """One sentence.

    Attributes:
        about: ``choice``, ``methods``, ``equivalent``, ``undecided``, ``elsewhere``, ``load``, ``constraint``, ``rule``
            or ``labels``.
        text: the sentence.
        numbers: what it rests on, by name.
    """

    about: str
    text: str
    numbers: dict[str, Any]


def advice(results: Mapping[str, Any], plan: Plan) -> list[Advice]:
    """Returns the sentences, family by family.

    Args:
        results: ``results.json``.
    """
    cells = {cell["cell_id"]: cell for cell in results["cells"]}
    said: list[Advice] = []
    for family in results["families"]:
        said += FamilyAdvice(FamilyFigures(family, cells, results, plan)).sentences()
    metric, curves = results["primary_metric"], results.get("label_efficiency", ())
    said += [Advice("labels", text, dict(curve)) for curve, text in zip(curves, lines(curves, metric), strict=True)]
    scored = [cell for cell in cells.values() if cell["scores"].get(metric, {}).get("value") is not None]
    bounds = [cell for cell in scored if cell.get("deployable") is False]
    if not results["families"] and bounds:
        said.append(Advice("choice", nothing_to_choose(len(bounds), metric), {"cells": len(cells)}))
    if not said:
        text = f"0 of {len(cells)} cells have a value of {metric}, so there is nothing to choose between."
        said.append(Advice("choice", text, {"cells": len(cells)}))
    return said


class FamilyAdvice:
    """What can be said of one family."""

    def __init__(self, of: FamilyFigures) -> None:
        self.of, self.decision = of, of.decision
        self.verdict = of.verdict()

    def sentences(self) -> list[Advice]:
        rules = [Advice("rule", text, numbers) for text, numbers in (*amounts(self.of), *knowledge(self.of))]
        first = [*self.choice(), *self.methods(), *self.equivalents(), *self.undecided(), *self.elsewhere()]
        return [*first, *self.load(), *self.constraints(), *rules]

    def choice(self) -> list[Advice]:
        name, best, of = self.verdict.choice, self.verdict.best, self.of
        if name is None or best is None:
            text = f"None of the {len(of.cells)} cells is known to keep every constraint, so none is recommended."
            return [Advice("choice", text, {"cells": len(of.cells), "headline": self.verdict.headline})]
        cost, cheaper = of.cost(name), len(self.verdict.undecided)
        price = f", {cost}" if cost else ", at a cost that is not known"
        value = f"{of.score(name)}{price}"
        others = len(self.verdict.contenders) - 1
        if name != best:
            margin = f"{of.settings.get('margin'):g}"
            text = f"Take {of.label(name)}: {value}; it is shown to be no worse by {margin} than the best,"
            text += f" {of.label(best)} ({of.gap(name, best)})"
            other = of.cost(best)
            text += (
                "." if other is None else ", at about the same cost." if other == cost else f", which takes {other}."
            )
        elif cheaper:
            text = f"Undecided: {of.label(name)} has the best value, {value}, and {cheaper} cheaper"
            text += f" {of.noun(cheaper)} may be as good. Take it where quality goes before cost."
        elif self.verdict.headline == UNDECIDED:
            text = (
                f"Undecided: {of.label(name)} has the best value, {value}, and {others} other {of.noun(others)} may be"
            )
            text += " the best. None of them is known to cost less, so take it."
        else:
            text = f"Take {of.label(name)}: {value}; no other of the {len(of.names)} {of.noun(2)} that keep the"
            text += " constraints is shown to be as good for less."
        numbers = {"cell": name, "score": of.entry(name)["value"], "cost": of.price(name)}
        more = {"basis": self.decision["basis"], "seeds": of.seeds(name), "headline": self.verdict.headline}
        return [Advice("choice", text, numbers | more)]

    def methods(self) -> list[Advice]:
        """What is told of methods over their seeds, where there are several."""
        numbers = {"methods": self.of.family["methods"]}
        return [Advice("methods", text, numbers) for text in self.of.family.get("method_sentences", ())]

    def equivalents(self) -> list[Advice]:
        """What is shown to be no worse than the recommended one."""
        chosen, of, said = self.verdict.choice, self.of, []
        for name in of.names:
            pair = of.pair(name, chosen) if chosen is not None and name != chosen else None
            if pair is None or pair["verdict"] not in NON_INFERIOR:
                continue
            cost, own = of.cost(name), of.cost(chosen)
            relation = f"and takes {cost} against {own}"
            if cost is None or own is None:
                relation = "at a cost that is not known"
            elif cost == own:
                relation = f"at about the same cost, {cost}"
            text = f"{of.label(name)} is {THAN[pair['verdict']]} it ({of.gap(name, chosen)}) {relation}."
            said.append(Advice("equivalent", text, {"cell": name, **pair}))
        return said

    def undecided(self) -> list[Advice]:
        """Cheaper ones that may be as good, and what would decide them."""
        best, of, said = str(self.verdict.best), self.of, []
        margin = of.settings.get("margin")
        for name in self.verdict.undecided[:MOST_OPEN]:
            needed = self.examples(name, best)
            more = f"{of.entry(name)['n']} examples were compared" if "n" in of.entry(name) else ""
            if needed:
                more = f"about {needed:,} examples like these would show whether it is within {margin:g}"
            elif not margin:
                why = "no number of examples can show that it is as good before decision.margin says what gap matters"
                more = f"{why}; {more}"
            text = f"Undecided: {of.label(name)} takes {of.cost(name)} and may be as good as {of.label(best)}"
            text += f" ({of.gap(name, best)}); {more}."
            said.append(Advice("undecided", text, {**(of.pair(name, best) or {}), "examples_needed": needed}))
        rest = len(self.verdict.undecided) - MOST_OPEN
        if rest > 0:
            text = f"{rest} more cheaper {of.noun(rest)} are undecided against {of.label(best)}."
            said.append(Advice("undecided", text, {"cells": rest}))
        return said

    def examples(self, first: str, second: str) -> int | None:
        """Returns how many examples would show equality within the margin, from the spread seen, never from the
        difference seen.
        """
        of, pair = self.of, self.of.pair(first, second)
        margin = of.settings.get("margin")
        sizes = (of.plan.settings.get("samples") or {}).get(of.planned[first].stages.get("prepare", ""))
        several = max(of.seeds(first), of.seeds(second)) > 1  # the spread between seeds is no matter of examples
        if pair is None or pair["low"] is None or not margin or not sizes or several:
            return None
        from scipy.special import ndtri

        sample, count = Sample.of_sizes(sizes), max(1, len(of.family["pairs"]))
        error = (pair["high"] - pair["low"]) / 2 / float(ndtri(1 - (1 - of.confidence) / (2 * count)))
        icc = float(of.settings.get("assumed_icc", 0.3))
        sd = error / sample.error(1.0, icc)
        options = {"confidence": of.confidence, "power": float(of.settings.get("power", 0.8)), "pairs": count}
        return examples_for(margin, sample, sd, icc, **options) if sd > 0 else None

    def elsewhere(self) -> list[Advice]:
        """Metrics beside the primary one by which another leads the recommended one."""
        chosen, of, said = self.verdict.choice, self.of, []
        for metric, entry in of.cells[chosen]["scores"].items() if chosen is not None else ():
            others = [name for name in of.names if metric != of.metric and name != chosen]
            ahead = [name for name in others if of.ahead(chosen, name, metric) == name]
            if not ahead:
                continue
            pick = max if entry.get("higher_is_better", True) else min
            best = pick(ahead, key=lambda name: float(of.entry(name, metric)["value"]))
            text = f"By another metric {of.label(best)} leads: {of.score(best, metric)} against"
            text += f" {of.score(chosen, metric)}; it has {of.score(best)}."
            values = {"value": of.entry(best, metric)["value"], "chosen": of.entry(chosen, metric)["value"]}
            said.append(Advice("elsewhere", text, {"cell": best, "metric": metric, **values}))
        return said

    def load(self) -> list[Advice]:
        """What the recommended one costs at the stated load, where one overtakes another, and when it is paid back."""
        load, of, name, said = self.decision["load"], self.of, self.verdict.choice, []
        if load is None:
            return said
        one = next((one for one in self.decision["ownership"] if one["name"] == name), None)
        if one is not None and one["total_usd"] is not None:
            text = f"At {load['requests_per_month']:,.0f} requests a month, {of.cell(one['name'])} costs"
            text += f" {money(one['total_usd'])} over {load['months']:g} months{_machines(one)}"
            left = self.decision["left_out"]
            text += f"; {' and '.join(left)} not counted." if left else "."
            said.append(Advice("load", text, one))
        for found in self.decision["break_even"][:MOST_OPEN]:
            if found["reason"] or not found["volumes"]:
                continue
            last = of.cell(found["cheaper"][-1]) if found["cheaper"][-1] else "neither"
            volumes = ", ".join(f"{volume:,.0f}" for volume in found["volumes"][:3])
            volumes += f" and {len(found['volumes']) - 3} more" if len(found["volumes"]) > 3 else ""
            until = "" if found["high"] is None else f" to {found['high']:,.0f}"
            reach = f" (from {found['low']:,.0f}{until} by the throughputs' intervals)"
            text = f"{of.cell(found['first'])} and {of.cell(found['second'])} change places at {volumes} requests a"
            text += f" month{'' if found['low'] is None else reach}; above the last, {last} is cheaper."
            said.append(Advice("load", text, found))
        back = next((one for one in self.decision["returns"] if one["name"] == name), None)
        baseline = self.decision["baseline"]
        if back is not None and back["payback_months"] is not None and back["investment_usd"] and baseline:
            text = f"Against {of.cell(baseline)} it invests {money(back['investment_usd'])} and is paid back in"
            said.append(Advice("load", f"{text} {back['payback_months']:.1f} months.", back))
        return said

    def constraints(self) -> list[Advice]:
        said = []
        for name, kept in self.decision["constraints"].items():
            for limit in (limit for limit in kept if not limit["kept"]):
                allowed = f"at most {limit['most']:g} is allowed."
                text = f"{self.of.cell(name)} is not recommended: its {limit['name']} is not known, and {allowed}"
                if limit["kept"] is False:
                    text = f"{self.of.cell(name)} breaks {limit['name']}: {limit['value']:.4g} where {allowed}"
                said.append(Advice("constraint", text, {"cell": name, **limit}))
        return said


def _machines(owned: Mapping[str, Any]) -> str:
    count = owned["machines"]
    if count is None:
        return ""
    busy = f"{'are' if count != 1 else 'is'} busy {share(owned['utilisation'])} of the time"
    return f" on {count} machine{'s' * (count != 1)} that {busy}"
