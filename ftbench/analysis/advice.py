"""What one family of cells gives reason to say, sentence by sentence: what to choose, what is as good, what is open,
what it costs, and rules of thumb held against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ftbench.core.cell import option_words
from ftbench.core.plan import Plan
from ftbench.cost.frontier import BETTER, EQUIVALENT, NON_INFERIOR, NOT_WORSE, TURNED
from ftbench.stats.power import Sample, examples_for
from ftbench.text.numbers import duration, money, share

RULES = {
    "adapter": (500, 5_000, "LoRA wants 500 to 5,000 examples"),
    "whole": (5_000, 100_000, "full fine-tuning wants 5,000 to 100,000 examples"),
}
"""Kind of training -> range of training rows that common advice gives, in its words."""
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


class FamilyAdvice:
    """One family of cells and what can be said of it."""

    def __init__(
        self, family: Mapping[str, Any], cells: Mapping[str, Any], results: Mapping[str, Any], plan: Plan
    ) -> None:
        self.family, self.decision, self.metric, self.plan = family, family["decision"], results["primary_metric"], plan
        self.cells = {name: cells[name] for name in family["cells"]}
        self.settings = plan.settings.get("decision") or {}
        self.confidence = results["statistics"]["confidence"]
        self.pairs = {(pair["first"], pair["second"]): pair for pair in family["pairs"]}
        self.advised = self.decision["recommendation"]

    # -- words for numbers ---------------------------------------------------------------------------------------------

    def label(self, name: str) -> str:
        return str(self.cells[name]["label"])

    def score(self, name: str, metric: str | None = None) -> str:
        entry = self.cells[name]["scores"].get(metric or self.metric, {})
        low = (
            f" [{entry['low']:.3g}, {entry['high']:.3g}]"
            if entry.get("low") is not None and entry.get("high") is not None
            else ""
        )
        return f"{metric or self.metric} {entry['value']:.3g}{low}"

    def cost(self, name: str) -> str | None:
        amount, basis = self.decision["costs"].get(name), self.decision["basis"]
        if amount is None or basis is None:
            return None
        if basis == "total_usd":
            load = self.decision["load"]
            return f"{money(amount)} to own for {load['months']:g} months"
        return f"{money(amount) if basis == 'usd_per_1k_requests' else duration(amount)} per 1,000 requests"

    def pair(self, first: str, second: str) -> dict[str, Any] | None:
        """Returns the comparison of first minus second, whichever way round it was made."""
        if (first, second) in self.pairs:
            return self.pairs[first, second]
        found = self.pairs.get((second, first))
        if found is None:
            return None
        low, high = found["low"], found["high"]
        turned = {
            "low": None if high is None else 0.0 - high,
            "high": None if low is None else 0.0 - low,
            "value": 0.0 - found["value"],
        }  # no -0
        return {
            **found,
            **turned,
            "first": first,
            "second": second,
            "verdict": TURNED.get(found["verdict"], found["verdict"]),
        }

    def gap(self, first: str, second: str) -> str:
        pair = self.pair(first, second)
        if pair is None:
            return "not compared"
        reach = (
            f", {self.confidence:.0%} interval {pair['low']:+.3g} to {pair['high']:+.3g}"
            if pair["low"] is not None
            else ""
        )
        return f"{self.metric} {pair['value']:+.3g}{reach}"

    def ahead(self, first: str, second: str, metric: str) -> str | None:
        """Returns which of two cells has the better value of any metric, where their intervals lie apart; None where
        they do not, or are not known.
        """
        one, other = (self.cells[name]["scores"].get(metric, {}) for name in (first, second))
        if None in (one.get("low"), one.get("high"), other.get("low"), other.get("high")):
            return None
        lower, higher = (
            (first, second)
            if one["high"] < other["low"]
            else (second, first)
            if other["high"] < one["low"]
            else (None, None)
        )
        return higher if one.get("higher_is_better", True) else lower

    # -- sentences
    # ------------------------------------------------------------------------------------------------------

    def choice(self) -> list[Advice]:
        name, best = self.advised["choice"], self.advised["best"]
        if name is None:
            return [
                Advice(
                    "choice",
                    f"None of the {len(self.cells)} cells is known to keep every constraint, so none is recommended.",
                    {"cells": len(self.cells)},
                )
            ]
        cost = self.cost(name)
        numbers = {
            "cell": name,
            "score": self.cells[name]["scores"][self.metric]["value"],
            "cost": self.decision["costs"].get(name),
            "basis": self.decision["basis"],
        }
        price = f", {cost}" if cost else ", at a cost that is not known"
        open_ = len(self.advised["undecided"])
        if name == best and open_:
            text = (
                f"Undecided: {self.label(name)} has the best value, {self.score(name)}{price}, and {open_} cheaper"
                f" {'cell' if open_ == 1 else 'cells'} may be as good. Take it where quality goes before cost."
            )
        elif name == best:
            text = (
                f"Take {self.label(name)}: {self.score(name)}{price}; no other of the {len(self.cells)} cells that keep"
                " the constraints is shown to be as good for less."
            )
        else:
            text = (
                f"Take {self.label(name)}: {self.score(name)}{price}; it is shown to be no worse by"
                f" {self.settings.get('margin'):g} than the best, {self.label(best)} ({self.gap(name, best)})"
            )
            other = self.cost(best)
            text += (
                "." if other is None else ", at about the same cost." if other == cost else f", which takes {other}."
            )
        seeds = next(
            (len(side) for gap in self.family["methods"] for side in (gap["first"], gap["second"]) if name in side), 1
        )
        if seeds > 1 and self.family.get("method_sentences"):
            text += (
                f" It is one of {seeds} seeds of its method, and the scores that tell them apart are those of the test"
                " split: choose between methods by the next sentence."
            )
        return [Advice("choice", text, {**numbers, "seeds": seeds})]

    def methods(self) -> list[Advice]:
        """What is told of methods over their seeds, where there are several."""
        return [
            Advice("methods", text, {"methods": self.family["methods"]})
            for text in self.family.get("method_sentences", ())
        ]

    def equivalents(self) -> list[Advice]:
        """Cells that are shown to be no worse than the recommended one."""
        chosen, said = self.advised["choice"], []
        for name in self.cells:
            pair = self.pair(name, chosen) if chosen is not None and name != chosen else None
            if pair is None or pair["verdict"] not in NON_INFERIOR:
                continue
            cost, own = self.decision["costs"].get(name), self.decision["costs"].get(chosen)
            relation = (
                "at a cost that is not known"
                if cost is None or own is None
                else (
                    f"at about the same cost, {self.cost(name)}"
                    if self.cost(name) == self.cost(chosen)
                    else f"and takes {self.cost(name)} against {self.cost(chosen)}"
                )
            )
            said.append(
                Advice(
                    "equivalent",
                    f"{self.label(name)} is {THAN[pair['verdict']]} it ({self.gap(name, chosen)}) {relation}.",
                    {"cell": name, **pair},
                )
            )
        return said

    def undecided(self) -> list[Advice]:
        """Cheaper cells that may be as good, and what would decide them."""
        best, said = self.advised["best"], []
        for name in self.advised["undecided"][:MOST_OPEN]:
            needed = self.examples(name, best)
            more = (
                f"about {needed:,} examples like these would show whether it is within {self.settings['margin']:g}"
                if needed
                else (
                    "no number of examples can show that it is as good before decision.margin says what gap matters;"
                    f" {self.samples()} were compared"
                )
            )
            text = (
                f"Undecided: {self.label(name)} takes {self.cost(name)} and may be as good as {self.label(best)}"
                f" ({self.gap(name, best)}); {more}."
            )
            said.append(Advice("undecided", text, {**(self.pair(name, best) or {}), "examples_needed": needed}))
        rest = len(self.advised["undecided"]) - MOST_OPEN
        if rest > 0:
            said.append(
                Advice(
                    "undecided", f"{rest} more cheaper cells are undecided against {self.label(best)}.", {"cells": rest}
                )
            )
        return said

    def samples(self) -> str:
        n = next(iter(self.cells.values()))["scores"][self.metric]["n"]
        return f"{n} examples"

    def examples(self, first: str, second: str) -> int | None:
        """Returns how many examples would show equality within the margin, from the spread seen, never from the
        difference seen.
        """
        pair, margin = self.pair(first, second), self.settings.get("margin")
        cell = next(cell for cell in self.plan.cells if cell.id == first)
        sizes = (self.plan.settings.get("samples") or {}).get(cell.stages.get("prepare", ""))
        if pair is None or pair["low"] is None or not margin or not sizes:
            return None
        from scipy.special import ndtri

        sample, count = Sample.of_sizes(sizes), max(1, len(self.pairs))
        error = (pair["high"] - pair["low"]) / 2 / float(ndtri(1 - (1 - self.confidence) / (2 * count)))
        icc = float(self.settings.get("assumed_icc", 0.3))
        sd = error / sample.error(1.0, icc)
        return (
            examples_for(
                margin,
                sample,
                sd,
                icc,
                confidence=self.confidence,
                power=float(self.settings.get("power", 0.8)),
                pairs=count,
            )
            if sd > 0
            else None
        )

    def elsewhere(self) -> list[Advice]:
        """Metrics beside the primary one by which another cell leads the recommended one."""
        chosen, said = self.advised["choice"], []
        for metric, entry in self.cells[chosen]["scores"].items() if chosen is not None else ():
            ahead = [
                name
                for name in self.cells
                if metric != self.metric and name != chosen and self.ahead(chosen, name, metric) == name
            ]
            if ahead:
                best = (max if entry.get("higher_is_better", True) else min)(
                    ahead, key=lambda name: float(self.cells[name]["scores"][metric]["value"])
                )
                text = (
                    f"By another metric {self.label(best)} leads: {self.score(best, metric)} against"
                    f" {self.score(chosen, metric)}; it has {self.score(best)}."
                )
                said.append(
                    Advice(
                        "elsewhere",
                        text,
                        {
                            "cell": best,
                            "metric": metric,
                            "value": self.cells[best]["scores"][metric]["value"],
                            "chosen": entry["value"],
                        },
                    )
                )
        return said

    def load(self) -> list[Advice]:
        load, said = self.decision["load"], []
        if load is None:
            return said
        owned = {one["name"]: one for one in self.decision["ownership"]}
        name = self.advised["choice"]
        if name is not None and owned[name]["total_usd"] is not None:
            one = owned[name]
            fleet = (
                ""
                if one["machines"] is None
                else (
                    f" on {one['machines']} machine{'s' * (one['machines'] != 1)} that"
                    f" {'are' if one['machines'] != 1 else 'is'} busy {share(one['utilisation'])} of the time"
                )
            )
            left = f"; {' and '.join(self.decision['left_out'])} not counted" if self.decision["left_out"] else ""
            text = (
                f"At {load['requests_per_month']:,.0f} requests a month, {self.label(name)} costs"
                f" {money(one['total_usd'])} over {load['months']:g} months{fleet}{left}."
            )
            said.append(Advice("load", text, one))
        for found in self.decision["break_even"][:MOST_OPEN]:
            if found["reason"] or not found["volumes"]:
                continue
            first, second = self.label(found["first"]), self.label(found["second"])
            last = self.label(found["cheaper"][-1]) if found["cheaper"][-1] else "neither"
            volumes = ", ".join(f"{volume:,.0f}" for volume in found["volumes"][:3]) + (
                f" and {len(found['volumes']) - 3} more" if len(found["volumes"]) > 3 else ""
            )
            low, high = found["low"], found["high"]
            until = "" if high is None else f" to {high:,.0f}"
            reach = "" if low is None else f" (from {low:,.0f}{until} by the throughputs' intervals)"
            said.append(
                Advice(
                    "load",
                    f"{first} and {second} change places at {volumes} requests a month{reach}; above the last, {last}"
                    " is cheaper.",
                    found,
                )
            )
        back = next((one for one in self.decision["returns"] if one["name"] == name), None)
        if (
            back is not None
            and back["payback_months"] is not None
            and back["investment_usd"]
            and self.decision["baseline"]
        ):
            text = (
                f"Against {self.label(self.decision['baseline'])} it invests {money(back['investment_usd'])}"
                f" and is paid back in {back['payback_months']:.1f} months."
            )
            said.append(Advice("load", text, back))
        return said

    def constraints(self) -> list[Advice]:
        said = []
        for name, kept in self.decision["constraints"].items():
            for limit in kept:
                if limit["kept"] is False:
                    said.append(
                        Advice(
                            "constraint",
                            f"{self.label(name)} breaks {limit['name']}: {limit['value']:.4g} where at most"
                            f" {limit['most']:g} is allowed.",
                            {"cell": name, **limit},
                        )
                    )
                elif limit["kept"] is None:
                    said.append(
                        Advice(
                            "constraint",
                            f"{self.label(name)} is not recommended: its {limit['name']} is not known, and at most"
                            f" {limit['most']:g} is allowed.",
                            {"cell": name, **limit},
                        )
                    )
        return said

    # -- rules of thumb
    # ---------------------------------------------------------------------------------------------------

    def trained(self, name: str) -> tuple[str, int] | None:
        """Returns what kind of weights a cell trains and on how many rows; None where it trains none or the rows are
        not known.
        """
        cell = next(cell for cell in self.plan.cells if cell.id == name)
        rows = self.cells[name]["details"].get("trained_rows")
        node = (self.plan.stages[cell.stages["train"]].config.get("method") or {}) if "train" in cell.stages else {}
        kind = "adapter" if "rank" in node else "whole" if "master_weights" in node else None
        return None if kind is None or rows is None else (kind, rows)

    def amounts(self) -> list[Advice]:
        """How many rows each kind of training had, what common advice says, and what it gained here."""
        untouched = [cell.id for cell in self.plan.cells if cell.id in self.cells and "train" not in cell.stages]
        said, seen = [], set()
        for name in self.cells:
            found = self.trained(name)
            if found is None or found[0] in seen:
                continue
            seen.add(found[0])
            low, high, words = RULES[found[0]]
            rows = found[1]
            asked = option_words(self.cells[name], "context")
            rival = next(
                (other for other in untouched if option_words(self.cells[other], "context") == asked),
                untouched[0] if untouched else None,
            )
            pair = self.pair(name, rival) if rival is not None else None
            if pair is None or pair["low"] is None:
                continue
            gained = pair["verdict"] == "better"
            inside = low <= rows <= high
            agrees = (inside or rows > high) == gained
            where = "within" if inside else "below" if rows < low else "above"
            text = (
                f"Rule of thumb: {words}. Here {rows:,} rows, {where} that range,"
                f" {'gained' if gained else 'showed no gain'} ({self.label(name)} against {self.label(rival)}:"
                f" {self.gap(name, rival)}): the measurement {'agrees' if agrees else 'disagrees'}."
            )
            said.append(Advice("rule", text, {"rows": rows, "low": low, "high": high, "agrees": agrees, **pair}))
        return said

    def knowledge(self) -> list[Advice]:
        """Retrieval for knowledge that changes, tuning for form: on which measure either leads here."""
        roles = {cell.id: cell for cell in self.plan.cells}
        retrieving = next(
            (name for name in self.cells if "index" in roles[name].stages and "train" not in roles[name].stages), None
        )
        tuned = next(
            (name for name in self.cells if "train" in roles[name].stages and "index" not in roles[name].stages), None
        )
        if retrieving is None or tuned is None:
            return []
        leads: dict[str, list[str]] = {"retrieval": [], "tuning": []}
        for metric in self.cells[retrieving]["scores"]:
            ahead = self.ahead(retrieving, tuned, metric)
            if ahead is not None:
                first, second = (self.cells[name]["scores"][metric]["value"] for name in (retrieving, tuned))
                leads["retrieval" if ahead == retrieving else "tuning"].append(
                    f"{metric} {first:.3g} against {second:.3g}"
                )
        if not leads["retrieval"] and not leads["tuning"]:
            return []
        parts = [f"{who} leads in {', '.join(shown)}" for who, shown in leads.items() if shown]
        agrees = bool(leads["retrieval"]) and bool(leads["tuning"])
        verdict = (
            "each has its own side, as the rule says"
            if agrees
            else "one side leads in all that is apart, which the rule does not say"
        )
        text = (
            f"Rule of thumb: retrieval for knowledge that changes, tuning for form. Here, {self.label(retrieving)}"
            f" against {self.label(tuned)}: {'; '.join(parts)}: {verdict}."
        )
        return [Advice("rule", text, {"retrieval": leads["retrieval"], "tuning": leads["tuning"], "agrees": agrees})]
