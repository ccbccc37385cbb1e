"""Rules of thumb that people quote, held against what a family measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftbench.analysis.family_figures import FamilyFigures
from ftbench.core.cell import option_words
from ftbench.core.components.names import class_of
from ftbench.core.components.weights import RuleOfThumb, Weights
from ftbench.cost.frontier import BETTER

Rule = tuple[str, dict[str, Any]]
"""A sentence and its numbers."""


def amounts(of: FamilyFigures) -> Iterator[Rule]:
    """Yields how many rows each kind of weights had, what common advice says, and what it gained here."""
    untouched = [cell.id for cell in of.plan.cells if cell.id in of.names and "train" not in cell.stages]
    seen = set()
    for name in of.names:
        rule, rows = _rule_of(of, name), of.cells[name]["details"].get("trained_rows")
        if rule is None or rows is None or rule in seen or not untouched:
            continue
        seen.add(rule)
        asked = option_words(of.cells[name], "context")
        rival = next((other for other in untouched if option_words(of.cells[other], "context") == asked), untouched[0])
        pair = of.pair(name, rival)
        if pair is None or pair["low"] is None:
            continue
        better = _better(of, pair)
        agrees = (rows >= rule.least_rows) == better
        where = "below" if rows < rule.least_rows else "above" if rows > rule.most_rows else "within"
        text = (
            f"Rule of thumb: {rule.text}. Here {rows:,} rows, {where} that range,"
            f" {'gained' if better else 'showed no gain'} ({of.label(name)} against {of.label(rival)}:"
            f" {of.gap(name, rival)}): the measurement {'agrees' if agrees else 'disagrees'}."
        )
        yield text, {"rows": rows, "low": rule.least_rows, "high": rule.most_rows, "agrees": agrees, **pair}


def _better(of: FamilyFigures, pair: dict[str, Any]) -> bool:
    """Says whether the first side is shown to be better; a gap of methods has an interval and no verdict."""
    if pair["verdict"]:
        return bool(pair["verdict"] == BETTER)
    higher = of.entry(pair["first"]).get("higher_is_better", True)
    return bool(pair["low"] > 0 if higher else pair["high"] < 0)


def _rule_of(of: FamilyFigures, name: str) -> RuleOfThumb | None:
    """Returns what people say of the weights that a cell trains; None where it trains none, or nothing is said."""
    stages = of.planned[name].stages
    node = (of.plan.stages[stages["train"]].config.get("method") or {}).get("weights") if "train" in stages else None
    try:
        found = class_of(node["_target_"]) if node else Weights
    except ImportError:
        return None
    return found.rule_of_thumb if issubclass(found, Weights) else None


def knowledge(of: FamilyFigures) -> Iterator[Rule]:
    """Yields on which metrics retrieval or tuning leads here: retrieval is said to be for knowledge that changes,
    tuning for form.
    """
    stages = {name: of.planned[name].stages for name in of.names}
    retrieving = next((name for name, own in stages.items() if "index" in own and "train" not in own), None)
    tuned = next((name for name, own in stages.items() if "train" in own and "index" not in own), None)
    if retrieving is None or tuned is None:
        return
    leads: dict[str, list[str]] = {"retrieval": [], "tuning": []}
    for metric in of.cells[retrieving]["scores"]:
        ahead = of.ahead(retrieving, tuned, metric)
        if ahead is not None:
            first, second = (of.entry(name, metric)["value"] for name in (retrieving, tuned))
            leads["retrieval" if ahead == retrieving else "tuning"].append(f"{metric} {first:.3g} against {second:.3g}")
    if not any(leads.values()):
        return
    parts = [f"{who} leads in {', '.join(shown)}" for who, shown in leads.items() if shown]
    agrees = all(leads.values())
    verdict = "one side leads in all that is apart, which the rule does not say"
    text = (
        f"Rule of thumb: retrieval for knowledge that changes, tuning for form. Here, {of.label(retrieving)}"
        f" against {of.label(tuned)}: {'; '.join(parts)}:"
        f" {'each has its own side, as the rule says' if agrees else verdict}."
    )
    yield text, {**leads, "agrees": agrees}
