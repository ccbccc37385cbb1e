"""Runs a plan with all that listens to it: the progress bar, ``events.jsonl``, and the trackers that a sweep names."""

from __future__ import annotations

from pathlib import Path

from ftbench.analysis.data_checks import cut_sentences
from ftbench.core.component import build
from ftbench.core.errors import FtbenchError
from ftbench.core.plan import Plan
from ftbench.cost.budget import BudgetGuard
from ftbench.execution.events import Event, StageOutcome
from ftbench.execution.executors.base import Executor
from ftbench.execution.scheduler import run_plan
from ftbench.execution.sinks.base import Sink, Sinks
from ftbench.execution.sinks.jsonl import FILE, EventLog
from ftbench.execution.sinks.progress import Progress
from ftbench.store.store import Store


class CutRows(Sink):
    """Says what limits cut off as soon as tokens are counted, before anything is trained."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def start(self, plan: Plan, folder: Path) -> None:
        self._plan = plan

    def take(self, event: Event) -> None:
        if event.state == "done" and event.stage.kind == "tokens":
            folder = Store(self._plan.store).find(event.stage.key)
            for sentence in cut_sentences(self._plan, event.stage.key, folder) if folder is not None else ():
                self._progress.say(f"data: {sentence}")


def run_watched(
    plan: Plan, plan_path: Path, executor: Executor, budget_guard: BudgetGuard | None = None
) -> dict[str, StageOutcome]:
    """Does what ``run_plan`` does, and shows it.

    Raises:
        FtbenchError: where a tracker is no ``Sink``.
    """
    progress = Progress(workers=executor.workers)
    trackers = {f"tracker {name}": _tracker(name, node) for name, node in plan.settings.get("trackers", {}).items()}
    watching = Sinks({"progress": progress, "cut rows": CutRows(progress), FILE: EventLog(), **trackers}, progress.say)
    watching.start(plan, plan_path.parent)
    try:
        return run_plan(plan, plan_path, executor, emit=watching.take, budget_guard=budget_guard)
    finally:
        watching.end()


def _tracker(name: str, node: dict[str, object]) -> Sink:
    found = build(node, f"tracker.{name}")
    if not isinstance(found, Sink):
        raise FtbenchError(
            f"tracker.{name}: {node['_target_']} is no sink. Derive it from ftbench.execution.sinks.base.Sink"
        )
    return found
