"""Which cells can be ranked together, their ranks with ties, and the frontier of quality against cost.

Cells form a family when they answered the same frozen examples; for a metric that does not compare across tokenizers
they must also share the base model (DESIGN 6, number 20). Ranks, ties and frontier hold within a family.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ftbench.core.canonical import digest
from ftbench.core.component import build
from ftbench.core.plan import Plan
from ftbench.report.rows import Row
from ftbench.stats.paired import Difference, compare_all, rank_ranges
from ftbench.stats.sufficient import Sufficient
from ftbench.store.store import Store

COST_BASES = ("usd_per_1k_requests", "seconds_per_1k_requests")


@dataclass(frozen=True)
class Family:
    """Cells ranked together.

    Attributes:
        dataset: option of the dataset axis.
        cells: ids, best first.
        ranks: id -> (best, worst) rank.
        differences: every pair, by ids.
        frontier: ids of the cells that no other beats in both quality and cost.
        cost_basis: which cost the frontier uses, one of ``COST_BASES``; None where a cell's cost is unknown.
        sentences: what can be said of this family in words.
    """

    dataset: str
    cells: tuple[str, ...]
    ranks: dict[str, tuple[int, int]]
    differences: tuple[Difference, ...]
    frontier: tuple[str, ...]
    cost_basis: str | None
    sentences: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "cells": list(self.cells),
            "ranks": {cell: list(ranks) for cell, ranks in self.ranks.items()},
            "frontier": list(self.frontier),
            "cost_basis": self.cost_basis,
            "sentences": list(self.sentences),
            "comparisons": [difference.as_dict() for difference in self.differences],
        }


def families(plan: Plan, rows: Sequence[Row], primary: str, store: Store) -> list[Family]:
    """Ranks the done cells by the primary metric, family by family, in plan order of their first cell."""
    cells = {cell.id: cell for cell in plan.cells}
    grouped: dict[str, list[tuple[Row, Sufficient]]] = {}
    for row in rows:
        if not row.done or row.value(primary) is None:
            continue
        score = cells[row.id].stages["score.test"]
        folder = store.find(score)
        sample = Sufficient.read(folder) if folder is not None else None
        if sample is None:
            continue
        alike = [cells[row.id].stages["prepare"], list(sample.ids)]
        if not row.scores[primary]["comparable_across_tokenizers"]:
            alike.append(_base_model(plan, cells[row.id].stages))
        grouped.setdefault(digest(alike), []).append((row, sample))
    found = []
    for members in grouped.values():
        stage = plan.stages[cells[members[0][0].id].stages["score.test"]]
        metric = build(stage.config["metrics"][primary], f"metrics.{primary}")
        found.append(_family(members, primary, metric, plan.settings["statistics"]))
    return found


def frontier(points: Sequence[tuple[str, float, float]], higher_is_better: bool) -> tuple[str, ...]:
    """Returns the names of the points (name, quality, cost) that no other point beats: as good and as cheap, one of both better."""
    sign = 1.0 if higher_is_better else -1.0

    def beaten(quality: float, cost: float) -> bool:
        return any(
            sign * other >= sign * quality and price <= cost and (sign * other > sign * quality or price < cost) for _, other, price in points
        )

    return tuple(name for name, quality, cost in points if not beaten(quality, cost))


def cost_of(row: Row, basis: str) -> float | None:
    """Returns a row's cost in dollars or seconds per 1,000 requests."""
    return None if row.bill is None else getattr(row.bill, basis)


def _family(members: list[tuple[Row, Sufficient]], primary: str, metric: Any, settings: dict[str, Any]) -> Family:
    higher = bool(metric.higher_is_better)
    members = sorted(members, key=lambda member: (-member[0].value(primary) if higher else member[0].value(primary), member[0].label, member[0].id))
    rows = [row for row, _ in members]
    sample = members[0][1]
    differences = compare_all(
        {row.id: own.metrics[primary] for row, own in members},
        metric.value,
        sample.ids,
        sample.groups,
        confidence=settings["confidence"],
        resamples=settings["resamples"],
        seed=settings["seed"],
    )
    values = {row.id: float(row.value(primary)) for row in rows}
    basis = next((name for name in COST_BASES if all(cost_of(row, name) is not None for row in rows)), None)
    points = [(row.id, values[row.id], cost_of(row, basis)) for row in rows] if basis else []
    return Family(
        dataset=rows[0].facts["dataset"],
        cells=tuple(values),
        ranks=rank_ranges(values, differences, higher),
        differences=tuple(differences),
        frontier=frontier(points, higher),
        cost_basis=basis,
        sentences=tuple(_sentences(rows, differences, primary, higher, len(sample.ids), settings["confidence"])),
    )


def _sentences(rows: list[Row], differences: list[Difference], primary: str, higher: bool, n: int, confidence: float) -> list[str]:
    said = []
    if len(rows) > 1 and all(difference.tie for difference in differences):
        said.append(f"No two of these {len(rows)} cells can be told apart by {primary} on {n} examples; that is no proof that they are equal.")
    for model in dict.fromkeys(row.details.get("model") for row in rows):
        own = [row for row in rows if row.details.get("model") == model]
        tuned, untouched = [row for row in own if row.trains], [row for row in own if not row.trains]
        if tuned and untouched:
            # rows stand best first
            said.append(_gain(tuned[0], untouched[0], differences, primary, higher, confidence))
    return said


def _gain(tuned: Row, untouched: Row, differences: list[Difference], primary: str, higher: bool, confidence: float) -> str:
    pair = next(found for found in differences if {found.first, found.second} == {tuned.id, untouched.id})
    sign = 1.0 if pair.first == tuned.id else -1.0
    limits = sorted(sign * limit for limit in (pair.low, pair.high) if limit is not None)
    reach = f", {confidence:.0%} interval {limits[0]:+.3g} to {limits[1]:+.3g} over {pair.family} comparison{'s' if pair.family > 1 else ''}" if limits else ""
    gap = f"{primary} {sign * pair.value:+.3g}{reach}"
    if pair.tie:
        return f"Tuning adds nothing that can be told from chance: {tuned.label} against {untouched.label}: {gap}."
    verb = "helps" if (sign * pair.value > 0) == higher else "hurts"
    return f"Tuning {verb}: {tuned.label} against {untouched.label}: {gap}."


def _base_model(plan: Plan, stages: dict[str, str]) -> str | None:
    for role in ("likelihood.test", "generate.test"):
        if role in stages:
            return plan.stages[stages[role]].model
    return None
