"""What a matrix will be able to show, said before it runs: from its test split, its metric's range and ``decision``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftbench.analysis.rows import primary_metric
from ftbench.core.component import build
from ftbench.core.plan import Plan
from ftbench.stats.family import FAMILIES
from ftbench.stats.power import Sample, detectable, examples_for


def detectable_effects(plan: Plan) -> list[str]:
    """Returns one sentence per test split that was looked at while compiling (``plan.settings["samples"]``).

    Data sets with the same test rows (``plan.settings["frozen"]``) are one family, as they will be when cells are
    ranked.

    The assumed spread of one example's difference is ``decision.assumed_sd``, else half the metric's range; it is never
    taken from results.
    """
    settings, name = plan.settings, primary_metric(plan)
    samples, decision = settings.get("samples") or {}, settings.get("decision")
    if not samples or not decision:
        return []
    said = []
    tests: dict[str, list[str]] = {}
    for prepare in samples:
        tests.setdefault((settings.get("frozen") or {}).get(prepare, prepare), []).append(prepare)
    for prepares in tests.values():
        data = samples[prepares[0]]
        own = [cell for cell in plan.cells if cell.stages.get("prepare") in prepares and "score.test" in cell.stages]
        cells = [cell for cell in own if cell.deployable]
        if len(cells) < 2:
            continue
        metric = build(plan.stages[cells[0].stages["score.test"]].config["metrics"][name], f"metric.{name}")
        pairs = comparisons(len(cells), sum(cell.baseline for cell in cells), decision["family"])
        said.append(
            _sentence(
                name,
                metric,
                Sample.of_sizes(data),
                pairs,
                cells[0].choices["dataset"],
                settings["statistics"]["confidence"],
                decision,
            )
        )
    return said


def comparisons(cells: int, baselines: int, family: str) -> int:
    """Returns how many comparisons share the error rate; the best is chosen by the data, so against it all
    pairs count.
    """
    if family not in FAMILIES:
        raise ValueError(f"{family!r} is no family")
    if family == "baseline":
        fixed = max(baselines, 1)
        return fixed * (cells - fixed) + fixed * (fixed - 1) // 2
    return cells * (cells - 1) // 2


def _sentence(
    name: str, metric: Any, sample: Sample, pairs: int, dataset: str, confidence: float, decision: Mapping[str, Any]
) -> str:
    highest = metric.highest
    sd = decision["assumed_sd"] if decision["assumed_sd"] is not None else None if highest is None else highest / 2
    units = f"{sample.n} examples" + ("" if sample.units == sample.n else f" in {sample.units} groups")
    if sd is None:
        return (
            f"{dataset}: {units}; {name} has no fixed range, so set decision.assumed_sd to learn what difference would"
            " show"
        )
    options = {"confidence": confidence, "power": decision["power"], "pairs": pairs}
    gap = detectable(sample, sd, decision["assumed_icc"], **options)
    if gap is None:
        return f"{dataset}: {units}: too few independent ones to show anything"
    basis = (
        f"assumed spread of one example's difference {sd:g}, {pairs} comparison{'s' * (pairs != 1)};"
        " decision.assumed_sd sets it"
    )
    text = f"{dataset}: {units} show a true difference of {gap:.3g} {name} with {decision['power']:.0%} power ({basis})"
    margin = decision["margin"]
    if margin is None:
        return text
    needed = examples_for(margin, sample, sd, decision["assumed_icc"], **options)
    enough = "enough" if needed <= sample.n else "more than there are"
    return f"{text}; to show equality within the margin of {margin:g}, about {needed} examples are needed, {enough}"
