"""Walks a plan: gives ready stages to an executor's workers until every stage is done, cached, failed or blocked.

A failed stage blocks only what reads from it. A worker that dies fails its stage only and is replaced; one that is lost
has its stage started again. Ctrl-C stops the workers, keeps what is finished and raises ``Interrupted``.
"""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ftbench.core.plan import Plan
from ftbench.cost.budget import BudgetGuard
from ftbench.execution.events import Event, Interrupted, StageOutcome
from ftbench.execution.execute import failed_receipt
from ftbench.execution.executors.base import Executor, Exit, Work, WorkerHandle, needs_of
from ftbench.execution.stage_queue import StageQueue
from ftbench.text.secrets import scrub

GRACE_SECONDS = 10.0
"""How long a worker may take to remove its temporary folder before it is killed."""
POLL_SECONDS = 0.5
LOST_TRIES = 3
"""How often a stage is started whose worker was lost each time."""


def run_plan(
    plan: Plan,
    plan_path: Path,
    executor: Executor,
    *,
    emit: Callable[[Event], None] = lambda event: None,
    budget_guard: BudgetGuard | None = None,
) -> dict[str, StageOutcome]:
    """Runs every stage of a plan that its store does not hold yet.

    Args:
        plan: the plan, as in ``plan_path``.
        plan_path: the written ``plan.json`` in the sweep folder; workers read it.
        executor: starts the workers.
        emit: takes each event, such as ``ftbench.execution.sinks.base.Sinks.take``.
        budget_guard: says which stages no longer fit a budget.

    Returns:
        key -> outcome, for every stage, in the plan's order.

    Raises:
        Interrupted: on Ctrl-C, after the workers have stopped.
    """
    stages = StageQueue(plan, emit)
    run = _Run(stages, plan_path, executor, budget_guard)
    try:
        run.walk()
    except KeyboardInterrupt:
        run.stop(run.workers, gently=False)
        raise Interrupted(stages.give_up()) from None
    except BaseException:
        run.stop(run.workers, gently=False)
        raise
    run.stop(run.workers, gently=True)
    return {key: stages.outcomes[key] for key in plan.stages}


class _Worker:
    """A worker of this run and what it is at.

    Attributes:
        slot: see ``Work``.
        handle: of the executor; None before it is started.
        left: keys of its work that have not ended, in order.
        since: when it was given the first of them (monotonic seconds).
        failures: key -> how many failed receipts the store had then.
        model: digest of the base model that it holds, or None.
    """

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.handle: WorkerHandle | None = None
        self.left: list[str] = []
        self.since = 0.0
        self.failures: dict[str, int] = {}
        self.model: str | None = None


class _Run:
    """One walk over a plan: which worker has what, and what becomes of it."""

    def __init__(
        self, stages: StageQueue, plan_path: Path, executor: Executor, budget_guard: BudgetGuard | None
    ) -> None:
        self.stages, self.plan_path, self.executor, self.budget_guard = stages, plan_path, executor, budget_guard
        self.store = stages.store
        self.workers: list[_Worker] = []
        self.reports: queue.Queue[tuple[_Worker, dict[str, Any] | None]] = queue.Queue()
        self.lost: Counter[str] = Counter()

    def walk(self) -> None:
        self.stages.fill()
        while len(self.stages.outcomes) < len(self.stages.plan.stages):
            self.dispatch()
            self.listen()

    def dispatch(self) -> None:
        """Gives every free worker its best ready stage; starts workers while there is more to do than workers."""
        stages = self.stages
        while stages.ready:
            free = next((worker for worker in self.workers if not worker.left), None)
            slots = set(range(max(1, self.executor.workers))) - {worker.slot for worker in self.workers}
            if free is None and not slots:
                return
            key = stages.take(free.model if free else None)
            if stages.cached(key):  # another run finished it meanwhile, or its input was made again with the same bytes
                continue
            if refused := self.budget_guard and self.budget_guard.refuses(key, stages.measured(), stages.taken):
                stages.decide(key, StageOutcome("skipped", refused))
                continue
            self.give(free or _Worker(min(slots)), key)

    def give(self, worker: _Worker, key: str) -> None:
        """Hands a stage to a worker, and to a new one the stages that may follow it."""
        # Under a budget each stage is asked for by itself.
        most = 1 if worker.handle or self.budget_guard else self.executor.longest_chain
        keys = self.stages.chain(key, most)
        # Waiting for another run is for the last: with something else to do, its stage is put off.
        wait = self.stages.only_postponed()
        work = Work(self.plan_path, tuple(keys), needs_of(self.stages.plan, keys), worker.slot, wait)
        worker.left, worker.since = keys, time.monotonic()
        worker.failures = {key: len(self.store.attempts(key)) for key in keys}
        self.stages.taken |= set(keys)
        if worker.handle is None:
            self.workers.append(worker)
            worker.handle = self.executor.start(work, lambda event: self.reports.put((worker, event)))
        elif not worker.handle.take(work):
            self.retire(worker)

    def retire(self, worker: _Worker) -> None:
        """Ends a worker that is not to be used any more; what it has not begun is ready again."""
        self.workers.remove(worker)
        self.stop([worker], gently=True)
        for key in worker.left:
            self.stages.offer_again(key)

    def listen(self) -> None:
        """Takes one report of a worker; polls all of them when none comes."""
        try:
            worker, event = self.reports.get(timeout=POLL_SECONDS)
        except queue.Empty:
            for worker in self.workers:
                if worker.handle.poll() is not None:
                    self.reports.put((worker, None))  # behind what it may have reported last
            return
        if worker not in self.workers:
            return
        if event is None:
            if (ended := worker.handle.poll()) is not None:
                self.on_worker_exit(worker, ended)
        elif event["key"] in worker.left:
            self.on_worker_event(worker, event)

    def on_worker_event(self, worker: _Worker, event: dict[str, Any]) -> None:
        key, kind = event["key"], event["event"]
        stage = self.stages.plan.stages[key]
        if kind in ("started", "waiting", "notice", "progress"):
            told = {name: event[name] for name in ("done", "total", "message") if name in event}
            self.stages.emit(Event(kind, stage, **told))
            return
        worker.left.remove(key)
        worker.since = time.monotonic()
        if key in self.stages.outcomes:  # blocked by an earlier one of its chain
            return
        if kind == "busy":
            self.stages.postpone(key)
            return
        if kind == "done" and stage.model is not None:
            worker.model = stage.held
        elif kind == "failed":
            worker.model = None
        if kind in ("done", "cached") and not self.store.published(key):
            self.start_again(key, f"worker said {kind}, and the store has no receipt", event["seconds"])
        else:
            self.stages.decide(key, StageOutcome(kind, event["error"], event["seconds"]))
        if event["exhausted"]:
            self.retire(worker)

    def on_worker_exit(self, worker: _Worker, ended: Exit) -> None:
        """A worker is gone: the store says which of its stages are done or failed. The first that it says nothing of
        was at work; those behind it were not begun.
        """
        self.workers.remove(worker)
        at_work = True
        for key in worker.left:
            failures = self.store.attempts(key)[worker.failures[key] :]
            seconds = time.monotonic() - worker.since
            if key in self.stages.outcomes:  # blocked by an earlier one
                continue
            if self.store.find(key):
                self.stages.decide(key, StageOutcome("done", None, self.store.receipt(key).seconds["total"]))
            elif failures:
                self.stages.decide(key, StageOutcome("failed", failures[-1].error, failures[-1].seconds["total"]))
            elif not at_work:
                self.stages.offer_again(key)
            else:
                at_work = False
                (self.start_again if ended.lost else self.fail)(key, scrub(ended.reason), seconds)

    def start_again(self, key: str, reason: str, seconds: float) -> None:
        """Makes a stage ready again whose worker was lost; fails it where that was the last try."""
        self.lost[key] += 1
        if self.lost[key] == LOST_TRIES:
            self.fail(key, f"{reason} ({LOST_TRIES} times)", seconds)
            return
        self.stages.emit(Event("notice", self.stages.plan.stages[key], message=f"{key[:12]}: {reason}; started again"))
        self.stages.offer_again(key)

    def fail(self, key: str, error: str, seconds: float) -> None:
        """Settles a stage whose worker left no receipt, and writes the failed one for it."""
        self.store.record_failure(failed_receipt(self.stages.plan.stages[key], error, seconds))
        self.stages.decide(key, StageOutcome("failed", error, seconds))

    def stop(self, workers: Sequence[_Worker], *, gently: bool) -> None:
        """Ends workers; what is still there after a while is killed."""
        handles = [worker.handle for worker in workers if worker.handle is not None]
        for handle in handles:
            handle.stop(gently=gently)
        deadline = time.monotonic() + GRACE_SECONDS
        while (handles := [handle for handle in handles if handle.poll() is None]) and time.monotonic() < deadline:
            time.sleep(0.01)
        for handle in handles:
            handle.kill()
