"""The gate before training: data that could not be looked at while planning is checked by its stages, before all
others.

prepare, check -> refuse the cells of data that leaks -> everything else
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from ftbench.compile.data import CHECKS, refused_leaks
from ftbench.core.cell import Refusal
from ftbench.core.errors import Problem
from ftbench.core.plan import Plan
from ftbench.execution.executors.base import Executor
from ftbench.store.store import Store
from ftbench.sweep.run_with_sinks import run_watched
from ftbench.text.secrets import scrub


def pending(plan: Plan) -> set[str]:
    """Returns the keys of the check stages that must be finished before anything is trained."""
    return {report["check"] for report in plan.settings.get("data_checks", ()) if report.get("pending")}


def pass_gate(plan: Plan, plan_path: Path, executor: Executor) -> Plan:
    """Runs the pending checks and returns the plan with their reports, cells of leaking data refused.

    Args:
        plan_path: the written plan, which workers read.
        executor: starts the workers.
    """
    waiting = pending(plan)
    needed = waiting | {key for check in waiting for key in plan.stages[check].inputs.values()}
    first = replace(plan, cells=(), stages={key: stage for key, stage in plan.stages.items() if key in needed})
    outcomes = run_watched(first, plan_path, executor)
    store, reports, problems = Store(plan.store), [], {}
    for report in plan.settings["data_checks"]:
        key = report["check"]
        finished = store.find(key) if key in waiting else None
        if finished is not None:
            report = {
                **{name: value for name, value in report.items() if name != "pending"},
                **json.loads((finished / CHECKS).read_text(encoding="utf-8")),
            }
            problems[key] = refused_leaks(report)
        elif key in waiting:
            why = f"could not be checked: {outcomes[key].error}"
            problems[key] = [Problem("data", why, "Mend that; data that nobody looked at is not trained on")]
        reports.append(report)
    return _without(
        replace(plan, settings={**plan.settings, "data_checks": reports}),
        {key: found for key, found in problems.items() if found},
    )


def _without(plan: Plan, problems: dict[str, list[Problem]]) -> Plan:
    """Returns the plan with the cells over some check stages refused, and the stages that nobody needs then
    left out.
    """
    refused, kept = [], []
    for cell in plan.cells:
        found = problems.get(cell.stages.get("check", ""))
        if found is None:
            kept.append(cell)
        else:
            told = tuple(scrub(problem.as_dict()) for problem in found)
            refused.append(Refusal(cell.id, cell.label, cell.choices, cell.overrides, cell.config, told))
    needed = {key for cell in kept for key in cell.stages.values()}
    for key in reversed(plan.stages):
        if key in needed:
            needed |= set(plan.stages[key].inputs.values())
    stages = {key: stage for key, stage in plan.stages.items() if key in needed}
    return replace(plan, cells=tuple(kept), refusals=(*plan.refusals, *refused), stages=stages)
