"""One point of the matrix on its way from words to a cell, and what it turns out to be once built."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ftbench.compile.composed import Composed
from ftbench.compile.lower import Graph, Parts
from ftbench.core.component import Component
from ftbench.core.errors import Problem
from ftbench.core.example import Splits


@dataclass(frozen=True)
class Point:
    """A composed cell: its config after couples, and which options it resolves to.

    Attributes:
        searched: dotted key -> value that a search set.
    """

    composed: Composed
    config: dict[str, Any]
    names: dict[str, str]
    problems: tuple[Problem, ...] = ()
    baseline: bool = False
    searched: dict[str, Any] = field(default_factory=dict)


class Examined(NamedTuple):
    """A config as built: its components, its data where they can be read while planning, and everything that is wrong.

    Attributes:
        report: of the data checks, None where they found nothing to say yet.
        graph, roles: its stages by key, and role -> key; nothing where a rule objects.
        needed: keys of the stages whose memory and time are forecast.
    """

    parts: Parts | None
    metrics: dict[str, Component]
    harness: Component | None
    splits: Splits | None
    problems: list[Problem]
    graph: Graph
    roles: dict[str, str]
    needed: tuple[str, ...] = ()
    report: dict[str, Any] | None = None
