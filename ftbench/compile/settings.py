"""The values of ``conf/config.yaml`` that belong to the whole matrix and to no axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from ftbench.core.cell import AXES
from ftbench.core.component import Component
from ftbench.core.errors import Problem, did_you_mean

ON_REFUSAL = ("stop", "skip")
BASELINES = ("auto",)


@dataclass(frozen=True)
class Statistics:
    """How intervals are made: coverage, bootstrap resamples, seed of the resampling."""

    confidence: float
    resamples: int
    seed: int


@dataclass(frozen=True)
class Matrix:
    """What is taken out of the product, coupled within it, and added to it."""

    exclude: list[dict[str, Any]]
    couple: list[dict[str, Any]]
    baselines: Optional[str]


@dataclass(frozen=True)
class StoreSettings:
    """Where finished stages are kept."""

    dir: str


@dataclass(frozen=True)
class Settings(Component):
    """Everything at the root of the config that is no axis; see the comments in ``conf/config.yaml``."""

    seed: int
    metrics: list[str]
    primary_metric: Optional[str]
    validation: bool
    statistics: Statistics
    on_refusal: str
    matrix: Matrix
    store: StoreSettings

    def check(self) -> list[Problem]:
        problems = []
        if not self.metrics:
            problems.append(Problem("metrics", "is empty: a cell that is not evaluated cannot be compared", "Name at least one, metrics=[exact_match,bleu]"))
        elif self.primary_metric not in self.metrics:
            problems.append(Problem("primary_metric", f"{self.primary_metric!r} is not among metrics", did_you_mean(self.primary_metric, self.metrics)))
        if len(set(self.metrics)) != len(self.metrics):
            problems.append(Problem("metrics", f"{self.metrics} names one twice", "Name each once"))
        if self.on_refusal not in ON_REFUSAL:
            problems.append(Problem("on_refusal", f"{self.on_refusal!r} is neither", did_you_mean(self.on_refusal, ON_REFUSAL)))
        if self.matrix.baselines is not None and self.matrix.baselines not in BASELINES:
            problems.append(Problem("matrix.baselines", f"{self.matrix.baselines!r} is not known", "Use auto, or null for none"))
        if not 0 < self.statistics.confidence < 1:
            problems.append(Problem("statistics.confidence", f"{self.statistics.confidence} is no share", "Use a number between 0 and 1, such as 0.95"))
        if self.statistics.resamples < 100:
            problems.append(Problem("statistics.resamples", f"{self.statistics.resamples} is too few for an interval", "Use at least 100; 2000 is usual"))
        for place, terms in (("matrix.exclude", self.matrix.exclude), ("matrix.couple", [rule.get("when", {}) for rule in self.matrix.couple])):
            if any(not isinstance(term, dict) or not term for term in terms):
                problems.append(Problem(place, "has an empty condition, which would match every cell", "Write conditions such as {method: lora}"))
        for rule in self.matrix.couple:
            if set(rule) != {"when", "set"} or not isinstance(rule.get("set"), dict):
                problems.append(Problem("matrix.couple", f"{rule} is not of the form {{when: ..., set: ...}}", "Write {when: {method: lora}, set: {method.learning_rate: 1e-2}}"))
        return problems


ROOT_KEYS = tuple(Settings.__dataclass_fields__)


def settings_node(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the node of ``Settings`` in a composed config; keys that are neither axis nor setting stay in, to be refused.

    A ``primary_metric`` of null becomes the first of ``metrics``.
    """
    node = {key: value for key, value in config.items() if key not in AXES}
    if node.get("primary_metric") is None and isinstance(node.get("metrics"), list) and node["metrics"]:
        node["primary_metric"] = node["metrics"][0]
    return {"_target_": f"{Settings.__module__}.Settings", **node}
