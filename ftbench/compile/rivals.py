"""Finds the cell whose answers a pairwise judge compares with, and adds what makes them to the plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftbench.compile import select
from ftbench.compile.builder import Builder
from ftbench.compile.judging import Rivals
from ftbench.compile.lower import Graph, Parts, lower
from ftbench.compile.point import Point
from ftbench.compile.settings import Settings, settings_node
from ftbench.core.component import Component, build
from ftbench.core.stage import with_inputs


def rivals_of(
    points: Sequence[Point],
    builder: Builder,
    parts: Parts,
    settings: Settings,
    metrics: dict[str, Component],
    graph: Graph,
    harness: Any,
    checks: Any,
) -> Rivals:
    """Returns what finds generate stages over the same data as a cell's, by a condition on the axes, and adds their
    stages to its graph.

    Args:
        points: of the whole matrix.
        parts, settings, metrics, harness, checks: of the cell, as they are lowered.
        graph: of the cell.
    """
    judges = {name: metric for name, metric in metrics.items() if metric.reads == "judgements"}

    def rivals(condition: dict[str, Any], split: str) -> list[str]:
        found = []
        for point in points:
            if not select.matches(point.composed, point.names, condition):
                continue
            other, _, problems = builder.parts(point.config, build(settings_node(point.config), ""))
            if other is None or problems or other.dataset.identity() != parts.dataset.identity():
                continue
            theirs = Graph()
            stages = lower(theirs, other, settings, judges, harness, checks)
            if f"generate.{split}" in stages:
                for key in with_inputs(theirs.stages, [stages[f"generate.{split}"]]):
                    graph.stages.setdefault(key, theirs.stages[key])
                found.append((other.seed != parts.seed, stages[f"generate.{split}"]))
        same = [key for another, key in found if not another]
        return same or [key for _, key in found]

    return rivals
