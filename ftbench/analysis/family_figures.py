"""The figures of one family as sentences quote them: values, costs and gaps of its candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftbench.analysis import figures
from ftbench.analysis.ranking import method_key
from ftbench.analysis.verdict import Verdict, candidates, decide_between, mean_cost
from ftbench.core.plan import Plan
from ftbench.cost.frontier import TURNED
from ftbench.text.numbers import money


class FamilyFigures:
    """One family out of ``results.json``.

    A candidate is named by its first cell (``ftbench.analysis.verdict``): one of several seeds has the mean value and
    cost of its seeds, and the label of its approach.

    Attributes:
        cells: id -> cell of ``results.json``.
        names: of the candidates, in the order of the table.
    """

    def __init__(
        self, family: Mapping[str, Any], cells: Mapping[str, Any], results: Mapping[str, Any], plan: Plan
    ) -> None:
        self.family, self.decision, self.metric, self.plan = family, family["decision"], results["primary_metric"], plan
        self.cells = {name: cells[name] for name in family["cells"]}
        self.planned = {cell.id: cell for cell in plan.cells}
        self.settings = plan.settings.get("decision") or {}
        self.confidence = results["statistics"]["confidence"]
        approaches = results.get("approaches", ())
        methods = {cell.id: method_key(cell.config) for cell in plan.cells}
        found = candidates(family["cells"], approaches, methods)
        place = {cell: index for index, cell in enumerate(family["cells"])}
        found.sort(key=lambda one: min(place[cell] for cell in one))
        self._of = {one[0]: one for one in found}
        self.names = list(self._of)
        self._approaches = {one["cells"][0]: one for one in approaches if len(one["cells"]) > 1}
        self._pairs = {(pair["first"], pair["second"]): pair for pair in family["pairs"]}
        for gap in family["methods"]:
            first, second = gap["first"][0], gap["second"][0]
            told = {"first": first, "second": second, "verdict": "", **{side: gap[side] for side in ("low", "high")}}
            self._pairs[first, second] = {"value": gap["value"], **told}

    def verdict(self) -> Verdict:
        """Returns the verdict that ``results.json`` holds; that of an earlier version, which kept less, is worked out
        again from what it holds.
        """
        kept = self.decision["recommendation"]
        if "headline" in kept:
            return Verdict.read(kept)
        entries = {name: cell["scores"][self.metric] for name, cell in self.cells.items()}
        return decide_between(
            self.family,
            list(self._of.values()),
            {name: entry["value"] for name, entry in entries.items()},
            self.decision["costs"],
            lambda name: all(limit["kept"] for limit in self.decision["constraints"][name]),
            self.settings.get("margin"),
            all(entry.get("higher_is_better", True) for entry in entries.values()),
        )

    def seeds(self, name: str) -> int:
        return len(self._of.get(name, (name,)))

    def noun(self, count: int) -> str:
        one, several = ("approach", "approaches") if len(self.names) < len(self.cells) else ("cell", "cells")
        return one if count == 1 else several

    def cell(self, name: str) -> str:
        """Returns the label of one cell."""
        return str(self.cells[name]["label"])

    def label(self, name: str) -> str:
        """Returns what a candidate is called."""
        if name in self._approaches:
            return f"{self._approaches[name]['label']} ({self.seeds(name)} seeds)"
        return self.cell(name)

    def entry(self, name: str, metric: str | None = None) -> Mapping[str, Any]:
        """Returns value and interval of a candidate by a metric; empty where there is none."""
        entry = self.cells[name]["scores"].get(metric or self.metric, {})
        if name not in self._approaches:
            return entry
        return {**entry, **(self._approaches[name]["scores"].get(metric or self.metric) or {})}

    def score(self, name: str, metric: str | None = None) -> str:
        entry = self.entry(name, metric)
        known = entry.get("low") is not None and entry.get("high") is not None
        return f"{metric or self.metric} {entry['value']:.3g}" + (
            f" [{entry['low']:.3g}, {entry['high']:.3g}]" if known else ""
        )

    def price(self, name: str) -> float | None:
        """Returns what a candidate costs in the basis that the decision weighs."""
        return mean_cost([self.decision["costs"].get(cell) for cell in self._of.get(name, (name,))])

    def cost(self, name: str) -> str | None:
        amount, basis = self.price(name), self.decision["basis"]
        if amount is None or basis is None:
            return None
        if basis == "total_usd":
            return f"{money(amount)} to own for {self.decision['load']['months']:g} months"
        return f"{figures.per_1k(amount, basis)} per 1,000 requests"

    def pair(self, first: str, second: str) -> dict[str, Any] | None:
        """Returns the comparison of first minus second, whichever way round it was made."""
        if (first, second) in self._pairs:
            return self._pairs[first, second]
        found = self._pairs.get((second, first))
        if found is None:
            return None
        ends = {"value": found["value"], "low": found["high"], "high": found["low"]}
        turned = {name: None if end is None else 0.0 - end for name, end in ends.items()}  # no -0
        verdict = TURNED.get(found["verdict"], found["verdict"])
        return {**found, **turned, "first": first, "second": second, "verdict": verdict}

    def gap(self, first: str, second: str) -> str:
        pair = self.pair(first, second)
        if pair is None:
            return "not compared"
        reach = f", {self.confidence:.0%} interval {pair['low']:+.3g} to {pair['high']:+.3g}"
        return f"{self.metric} {pair['value']:+.3g}{reach if pair['low'] is not None else ''}"

    def ahead(self, first: str, second: str, metric: str) -> str | None:
        """Returns which of two has the better value of any metric, where their intervals lie apart; None where they do
        not, or are not known.
        """
        one, other = self.entry(first, metric), self.entry(second, metric)
        if None in (one.get("low"), one.get("high"), other.get("low"), other.get("high")):
            return None
        lower = first if one["high"] < other["low"] else second if other["high"] < one["low"] else None
        if lower is None:
            return None
        return lower if not one.get("higher_is_better", True) else second if lower == first else first
