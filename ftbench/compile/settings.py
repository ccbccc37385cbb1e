"""The values of ``conf/config.yaml`` that belong to the whole matrix and to no axis."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, fields
from typing import Any

from ftbench.core.cell import AXES
from ftbench.core.component import Component
from ftbench.core.errors import Problem, Problems, did_you_mean
from ftbench.cost.hardware import MOST_USD
from ftbench.cost.ownership import Load

ON_REFUSAL = ("stop", "skip")
BASELINES = ("auto",)
FAMILIES = ("best", "baseline", "all")


@dataclass(frozen=True)
class Statistics:
    """How intervals are made: coverage, bootstrap resamples, seed of the resampling."""

    confidence: float
    resamples: int
    seed: int


@dataclass(frozen=True)
class Constraints:
    """What a choice must keep; null is no constraint.

    Attributes:
        p95_ms: most milliseconds of the 95th percentile of single requests.
        usd_per_1k: most dollars per 1,000 requests, idle time included where a load is stated.
        forgetting: largest drop of any lm-eval figure against the untouched model.
        peak_gb: most GB (1e9 bytes) of device memory.
    """

    p95_ms: float | None
    usd_per_1k: float | None
    forgetting: float | None
    peak_gb: float | None


@dataclass(frozen=True)
class Budget:
    """What a run may cost and take; null is no limit. Cells beyond it are skipped, cheap ones first."""

    usd: float | None
    hours: float | None

    def check(self) -> list[Problem]:
        limits = (("usd", self.usd), ("hours", self.hours))
        return [
            Problem(f"budget.{name}", f"{value} buys nothing", "Give a number above 0, or null")
            for name, value in limits
            if value is not None and not value > 0
        ]


@dataclass(frozen=True)
class Decision:
    """How the comparison is decided, in points of the primary metric. Read by the report: changing it trains and scores
    nothing.

    Attributes:
        family: which comparisons share one error rate: each cell with the best, with the baselines, or all pairs.
        margin: the smallest gap that matters. Without one nothing can be called as good as something else.
        power: chance wanted of showing a difference, for what a plan says can be shown.
        assumed_sd: standard deviation of one example's difference between two cells; null takes half the metric's
            range.
        assumed_icc: correlation of differences within a group.
        months, requests_per_month, peak_rps, retrains_per_month: the load of ``ftbench.cost.ownership.Load``; without
            requests there is no total cost of ownership.
        baseline: option of the method axis that returns on investment are told against; null takes the cheapest cell
            that trains nothing.
        labelling_usd_per_example: price of one training row for the cells that train; null leaves labelling out, and
            says so.
        labour_usd: option of any axis -> dollars of people's work that choosing it costs once; what is not named costs
            none.
        constraints: see ``Constraints``.
    """

    family: str
    margin: float | None
    power: float
    assumed_sd: float | None
    assumed_icc: float
    months: float
    requests_per_month: float | None
    peak_rps: float | None
    retrains_per_month: float
    baseline: str | None
    labelling_usd_per_example: float | None
    labour_usd: dict[str, float]
    constraints: Constraints

    def check(self, confidence: float) -> list[Problem]:
        problems = Problems()
        if self.family not in FAMILIES:
            problems.add("decision.family", f"{self.family!r} is not known", did_you_mean(self.family, FAMILIES))
        for name in ("margin", "assumed_sd"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                why = f"{value} is not above 0"
                problems.add(f"decision.{name}", why, "Give points of the primary metric, or null")
        if not 1 - confidence < self.power < 1:
            problems.add("decision.power", f"{self.power} is no chance worth planning for", "Use a share such as 0.8")
        if not 0 <= self.assumed_icc <= 1:
            problems.add("decision.assumed_icc", f"{self.assumed_icc} is no correlation within groups", "Use 0 to 1")
        load = Load(
            self.months,
            self.requests_per_month or 0.0,
            self.peak_rps if self.requests_per_month else None,
            self.retrains_per_month,
        )
        problems += [
            Problem(
                f"decision.{text.split()[0]}",
                text.partition(" ")[2],
                "Mend it, or leave the load out (decision.requests_per_month=null)",
            )
            for text in load.problems()
        ]
        if self.peak_rps is not None and self.requests_per_month is None:
            why = f"{self.peak_rps} is a peak of no stated volume"
            problems.add("decision.peak_rps", why, "Set decision.requests_per_month too")
        if self.labelling_usd_per_example is not None and not 0 <= self.labelling_usd_per_example <= MOST_USD:
            why = f"{self.labelling_usd_per_example} is no price"
            problems.add("decision.labelling_usd_per_example", why, "Give dollars, or null")
        for name, amount in self.labour_usd.items():
            if not 0 <= amount <= MOST_USD:
                problems.add(f"decision.labour_usd.{name}", f"{amount} is no cost", "Give dollars")
        for name, limit in vars(self.constraints).items():
            if limit is not None and not limit >= 0:
                why = f"{limit} can be kept by nothing"
                problems.add(f"decision.constraints.{name}", why, "Give a limit of 0 or more, or null")
        return problems


@dataclass(frozen=True)
class Matrix:
    """What is taken out of the product, coupled within it, and added to it."""

    exclude: list[dict[str, Any]]
    couple: list[dict[str, Any]]
    baselines: str | None


@dataclass(frozen=True)
class Effort:
    """How much each approach may try before the test split is looked at.

    Attributes:
        trials: configurations per approach, the option's own first; null for no search.
        usd: dollars of training and validation per approach, instead of ``trials``.
        seeds: of the chosen configuration, scored on test.
        seed: of the order in which a space is looked through.
        space: option -> dotted key -> values, or null to leave the dimension out; in the place of what the option
            brings.
    """

    trials: int | None
    usd: float | None
    seeds: list[int]
    seed: int
    space: dict[str, Any]

    @property
    def wanted(self) -> bool:
        return self.trials is not None or self.usd is not None

    def check(self, validation: bool) -> list[Problem]:
        problems = Problems()
        if self.trials is not None and self.usd is not None:
            why = f"grants {self.trials} trials and {self.usd:g} dollars"
            problems.add("effort", why, "Give one of effort.trials and effort.usd")
        if self.trials is not None and self.trials < 1:
            why = f"{self.trials} is no number of trials"
            problems.add("effort.trials", why, "Use 1 or more, or null for no search")
        if self.usd is not None and not self.usd > 0:
            problems.add("effort.usd", f"{self.usd} buys nothing", "Give the dollars that each approach may spend")
        if self.wanted and not self.seeds:
            problems.add("effort.seeds", "is empty: nothing would be scored on test", "Use such as [0,1,2]")
        if len(set(self.seeds)) != len(self.seeds):
            problems.add("effort.seeds", f"{self.seeds} names one twice", "Name each once")
        if self.wanted and not validation:
            problems.add("validation", "is false, and effort chooses on the validation split", "Set validation=true")
        if not self.wanted and self.space:
            why = "is given, and no effort to look through it"
            problems.add("effort.space", why, "Set effort.trials=8, or effort.usd")
        for name, dimensions in self.space.items():
            if dimensions is not None and not isinstance(dimensions, dict):
                why = f"{dimensions!r} names no key"
                problems.add(f"effort.space.{name}", why, f"Write effort.space.{name}.KEY=[...]")
        return problems


@dataclass(frozen=True)
class Limits:
    """What a cell may have of what goes wrong. Read by the report: changing it runs nothing again.

    Attributes:
        failed_rows: largest share of failed rows; a cell with more has failed.
    """

    failed_rows: float

    def check(self) -> list[Problem]:
        if 0 <= self.failed_rows <= 1:
            return []
        why = f"{self.failed_rows} is no share"
        return [Problem("limits.failed_rows", why, "Use 0 to 1; 0.5 is usual, 1 allows all")]


@dataclass(frozen=True)
class StoreSettings:
    """Where finished stages are kept."""

    dir: str


@dataclass(frozen=True)
class Settings(Component):
    """Everything at the root of the config that is no axis; see the comments in ``conf/config.yaml``."""

    seed: int
    metrics: list[str]
    primary_metric: str | None
    validation: bool
    statistics: Statistics
    decision: Decision
    budget: Budget
    limits: Limits
    on_refusal: str
    matrix: Matrix
    effort: Effort
    store: StoreSettings
    data: dict[str, Any]
    harness: dict[str, Any]
    judge: dict[str, Any]
    bertscore: dict[str, Any]
    columns: list[str]

    def check(self) -> list[Problem]:
        problems = Problems()
        if not self.metrics:
            fix = "Name at least one, metrics=[exact_match,bleu]"
            problems.add("metrics", "is empty: a cell that is not evaluated cannot be compared", fix)
        elif self.primary_metric not in self.metrics:
            fix = did_you_mean(self.primary_metric, self.metrics)
            problems.add("primary_metric", f"{self.primary_metric!r} is not among metrics", fix)
        if len(set(self.metrics)) != len(self.metrics):
            problems.add("metrics", f"{self.metrics} names one twice", "Name each once")
        for path in self.columns:
            module, _, name = path.rpartition(".")
            try:
                known = name in vars(importlib.import_module(module))
            except (ImportError, ValueError):
                known = False
            if not known:
                fix = "Name a Column by its dotted path, such as my_columns.words; PYTHONPATH must reach its module"
                problems.add("columns", f"{path!r} cannot be imported", fix)
        if not self.store.dir.strip():
            problems.add("store.dir", "names no folder", "Use store.dir=.ftbench/store")
        if self.on_refusal not in ON_REFUSAL:
            problems.add("on_refusal", f"{self.on_refusal!r} is neither", did_you_mean(self.on_refusal, ON_REFUSAL))
        if self.matrix.baselines is not None and self.matrix.baselines not in BASELINES:
            problems.add("matrix.baselines", f"{self.matrix.baselines!r} is not known", "Use auto, or null for none")
        for place, seeds in (
            ("seed", [self.seed]),
            ("statistics.seed", [self.statistics.seed]),
            ("effort.seed", [self.effort.seed]),
            ("effort.seeds", self.effort.seeds),
        ):
            problems += [
                Problem(place, f"{seed} is no seed", "Use a whole number from 0 to 4294967295")
                for seed in seeds
                if not 0 <= seed < 2**32
            ]
        if not 0 < self.statistics.confidence < 1:
            fix = "Use a number between 0 and 1, such as 0.95"
            problems.add("statistics.confidence", f"{self.statistics.confidence} is no share", fix)
        if self.statistics.resamples < 100:
            fix = "Use at least 100; 2000 is usual"
            problems.add("statistics.resamples", f"{self.statistics.resamples} is too few for an interval", fix)
        elif self.statistics.resamples * (1 - self.statistics.confidence) < 5:
            why = (
                f"{self.statistics.resamples} resamples cannot show anything at {self.statistics.confidence:.3%}"
                " confidence"
            )
            problems.add("statistics.resamples", why, "Use at least 5 / (1 - confidence), or less confidence")
        problems += [
            *self.decision.check(self.statistics.confidence),
            *self.budget.check(),
            *self.effort.check(self.validation),
        ]
        problems += self.limits.check()
        for place, terms in (
            ("matrix.exclude", self.matrix.exclude),
            ("matrix.couple", [rule.get("when", {}) for rule in self.matrix.couple]),
        ):
            if any(not isinstance(term, dict) or not term for term in terms):
                fix = "Write conditions such as {method: lora}"
                problems.add(place, "has an empty condition, which would match every cell", fix)
        for rule in self.matrix.couple:
            if set(rule) != {"when", "set"} or not isinstance(rule.get("set"), dict):
                fix = "Write {when: {method: lora}, set: {method.learning_rate: 1e-2}}"
                problems.add("matrix.couple", f"{rule} is not of the form {{when: ..., set: ...}}", fix)
        return problems


ROOT_KEYS = (*(field.name for field in fields(Settings)), "trackers")


def settings_node(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the node of ``Settings`` in a composed config; keys that are neither axis nor setting stay in, to be
    refused.

    A ``primary_metric`` of null becomes the first of ``metrics``.
    """
    node = {key: value for key, value in config.items() if key not in AXES}
    if node.get("primary_metric") is None and isinstance(node.get("metrics"), list) and node["metrics"]:
        node["primary_metric"] = node["metrics"][0]
    return {"_target_": f"{Settings.__module__}.Settings", **node}
