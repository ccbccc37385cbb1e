"""Rules of thumb that people quote, held against what a family measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftbench.analysis.family_figures import FamilyFigures
from ftbench.core.cell import option_words
from ftbench.core.components.weights import kind_of
from ftbench.cost.frontier import BETTER

RULES = {
    "adapter": (500, 5_000, "LoRA wants 500 to 5,000 examples"),
    "whole": (5_000, 100_000, "full fine-tuning wants 5,000 to 100,000 examples"),
}
"""Kind of weights -> range of training rows that common advice gives, in its words."""
Rule = tuple[str, dict[str, Any]]
"""A sentence and its numbers."""


def amounts(of: FamilyFigures) -> Iterator[Rule]:
    """Yields how many rows each kind of weights had, what common advice says, and what it gained here."""
    untouched = [cell.id for cell in of.plan.cells if cell.id in of.names and "train" not in cell.stages]
    seen = set()
    for name in of.names:
        train = of.planned[name].stages.get("train")
        kind = kind_of(of.plan.stages[train].config.get("method") or {}) if train else None
        rows = of.cells[name]["details"].get("trained_rows")
        if kind is None or rows is None or kind in seen or not untouched:
            continue
        seen.add(kind)
        least, most, rule = RULES[kind]
        asked = option_words(of.cells[name], "context")
        rival = next((other for other in untouched if option_words(of.cells[other], "context") == asked), untouched[0])
        pair = of.pair(name, rival)
        if pair is None or pair["low"] is None:
            continue
        better = _better(of, pair)
        agrees = (rows >= least) == better
        where = "below" if rows < least else "above" if rows > most else "within"
        text = (
            f"Rule of thumb: {rule}. Here {rows:,} rows, {where} that range,"
            f" {'gained' if better else 'showed no gain'} ({of.label(name)} against {of.label(rival)}:"
            f" {of.gap(name, rival)}): the measurement {'agrees' if agrees else 'disagrees'}."
        )
        yield text, {"rows": rows, "low": least, "high": most, "agrees": agrees, **pair}


def _better(of: FamilyFigures, pair: dict[str, Any]) -> bool:
    """Says whether the first side is shown to be better; a gap of methods has an interval and no verdict."""
    if pair["verdict"]:
        return bool(pair["verdict"] == BETTER)
    higher = of.entry(pair["first"]).get("higher_is_better", True)
    return bool(pair["low"] > 0 if higher else pair["high"] < 0)


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
