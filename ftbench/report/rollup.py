"""The table of approaches as texts, one row each: what the terminal and the page for people both show."""

from __future__ import annotations

from ftbench.analysis import figures
from ftbench.analysis.approaches import Approach
from ftbench.analysis.ranking import Family
from ftbench.analysis.results import Results
from ftbench.text import numbers


def approach_rows(results: Results, family: Family | None) -> list[list[str]]:
    """Returns the head and one row per approach of a family, best first, last those of which nothing could be chosen.

    With None the approaches that no family holds.

    The columns: rank, approach, primary metric with its sampling interval, spread between seeds, seeds, trials, the
    chosen values, validation, training of all trials, cost per 1,000 requests, cells.
    """
    own = [approach for approach in results.approaches if _family(results, approach) is family]
    means = [mean for approach in own if (mean := approach.scores.get(results.primary))]
    places = numbers.places(max((abs(mean.value) for mean in means), default=0.0))
    basis = family.cost_basis if family else None
    unit = "$/1k" if basis == "usd_per_1k_requests" else "time/1k"
    grid = [
        [
            "rank",
            "approach",
            f"{results.primary} [{results.statistics['confidence']:.0%}]",
            "seed sd",
            "seeds",
            "trials",
            "chosen",
            "validation",
            "training",
            unit,
            "cells",
        ]
    ]
    for approach in own:
        mean, chosen = approach.scores.get(results.primary), approach.chosen
        value = numbers.figure(mean.value, mean.low, mean.high, places, limits=True) if mean else numbers.UNKNOWN
        spread = f"{mean.sd:.{places}f}" if mean and mean.sd is not None else "-"
        validation = f"{chosen.validation:.{places}f}" if chosen and chosen.validation is not None else "-"
        cost = figures.per_1k(getattr(approach, basis) if basis else None, basis)
        spent = figures.spent(approach.trains, approach.train_seconds, approach.train_usd)
        cells = (
            approach.cells[0] + (f" +{len(approach.cells) - 1}" if len(approach.cells) > 1 else "")
            if approach.cells
            else "-"
        )
        what = values_text(chosen) if approach.cells else f"none of {len(approach.configurations)}"
        counts = [str(len(approach.cells)), str(len(approach.configurations))]
        told = [what, validation, spent, cost, cells]
        grid.append([approach.rank_text or "-", approach.label, value, spread, *counts, *told])
    return grid if len(grid) > 1 else []


def values_text(chosen: object) -> str:
    """Returns such as ``rank=8 learning_rate=0.001``; a dash where nothing was varied."""
    values = getattr(chosen, "values", None) or {}
    return (
        " ".join(
            f"{key.rpartition('.')[2]}={value:g}" if isinstance(value, float) else f"{key.rpartition('.')[2]}={value}"
            for key, value in values.items()
        )
        or "-"
    )


def search_lines(results: Results) -> list[str]:
    """Returns how much was tried for each approach under ``effort``; empty without a search."""
    lines = []
    for approach in results.approaches:
        if approach.search is None:
            continue
        search, tried = approach.search, len(approach.configurations)
        failed = sum(one.status != "done" for one in approach.configurations)
        space = "; ".join(f"{name} in {values}" for name, values in search["space"].items()) or "nothing to tune"
        less = f", fewer than the {search['budget']} granted" if search["budget"] and tried < search["budget"] else ""
        lines.append(
            f"{approach.label}: {tried} of {search['size']} configuration{'s' * (search['size'] != 1)} tried on"
            f" validation{less}{f', {failed} failed' if failed else ''}: {space}"
        )
        lines += [f"{approach.label}: left out: {text}" for text in search["left_out"]]
    return lines


def unchosen_lines(results: Results) -> list[str]:
    """Returns one line per approach of which no configuration was chosen, where approaches are told of at all."""
    own = [approach for approach in results.approaches if results.rolled and approach.deployable]
    return [f"{approach.label}: nothing chosen: {approach.reason}" for approach in own if approach.reason]


def _family(results: Results, approach: Approach) -> Family | None:
    """Returns the family that ranks the chosen cells of an approach, or any cell of it where nothing was chosen."""
    own = approach.cells[:1] or approach.tried
    return next((family for family in results.families if not set(own).isdisjoint(family.cells)), None)
