"""Walks a plan: hands ready stages to workers until every stage is done, cached, failed or blocked.

A failed stage blocks only what reads from it. A worker that dies fails its stage only and is replaced. Ctrl-C stops the
workers, keeps what is finished and raises ``Interrupted``.
"""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ftbench.core.plan import Plan
from ftbench.core.receipt import Receipt
from ftbench.core.stage import VERSIONS, Stage
from ftbench.cost.budget import Purse
from ftbench.execution.devices import freest, gpus
from ftbench.execution.events import Event, Interrupted, StageOutcome
from ftbench.execution.executors.local import GRACE_SECONDS, Hand
from ftbench.execution.meter import environment
from ftbench.store.store import Store
from ftbench.text.secrets import scrub

RETRY_SECONDS = 1.0
"""How long a stage that another run works on is left alone before it is looked at again."""


def run_plan(
    plan: Plan,
    plan_path: Path,
    folder: Path,
    *,
    workers: int = 1,
    progress: Callable[[Event], None] | None = None,
    purse: Purse | None = None,
) -> dict[str, StageOutcome]:
    """Runs every stage of a plan that its store does not hold yet.

    Args:
        plan: the plan, as in ``plan_path``.
        plan_path: the written ``plan.json``; workers read it.
        folder: the sweep folder; ``worker.log`` goes there.
        workers: how many processes at once.
        progress: takes each event, such as a ``ftbench.execution.sinks.progress.Progress``.
        purse: says which stages no longer fit a budget.

    Returns:
        key -> outcome, for every stage, in the plan's order.

    Raises:
        Interrupted: on Ctrl-C, after the workers have stopped.
    """
    run = _Run(plan, plan_path, folder, workers, progress or (lambda event: None), purse)
    try:
        run.walk()
    except KeyboardInterrupt:
        run.stop(gently=False)
        raise Interrupted(run.give_up()) from None
    except BaseException:
        run.stop(gently=False)
        raise
    run.stop(gently=True)
    return {key: run.outcomes[key] for key in plan.stages}


def ranks(plan: Plan) -> dict[str, int]:
    """Returns key -> rank, smaller first: depth first by cell, inputs before readers, so that cells finish one
    by one.
    """
    found: dict[str, int] = {}

    def visit(key: str) -> None:
        if key not in found:
            for needed in plan.stages[key].inputs.values():
                visit(needed)
            found[key] = len(found)

    for cell in plan.cells:
        for key in cell.stages.values():
            visit(key)
    for key in plan.stages:
        visit(key)
    return found


class _Run:
    """One walk over a plan: what is decided, what is ready, who works on what."""

    def __init__(
        self,
        plan: Plan,
        plan_path: Path,
        folder: Path,
        workers: int,
        emit: Callable[[Event], None],
        purse: Purse | None = None,
    ) -> None:
        self.plan, self.plan_path, self.folder, self.workers, self.emit = plan, plan_path, folder, max(1, workers), emit
        self.store, self.purse, self.gpus = Store(plan.store), purse, gpus()
        self.outcomes: dict[str, StageOutcome] = {}
        self.hands: list[Hand] = []
        self.events: queue.Queue[tuple[Hand, dict[str, Any] | None]] = queue.Queue()
        self.rank = ranks(plan)
        self.readers: dict[str, list[str]] = {key: [] for key in plan.stages}
        for key, stage in plan.stages.items():
            for needed in set(stage.inputs.values()):
                self.readers[needed].append(key)
        self.ready: set[str] = set()
        self.postponed: dict[str, float] = {}

    def walk(self) -> None:
        for key in self.plan.stages:  # inputs stand before what reads them
            if key not in self.outcomes and self.settled(key) and self.kept(key):
                self.store.touch(key)
                self.decide(key, StageOutcome("cached"))
        for key in self.plan.stages:
            self.offer(key)
        while len(self.outcomes) < len(self.plan.stages):
            self.dispatch()
            self.listen()

    def kept(self, key: str) -> bool:
        """Whether the store holds the stage: whole, and made from what its inputs now hold."""
        return self.store.kept(key, self.plan.stages[key].inputs) is not None

    def settled(self, key: str) -> bool:
        """Whether all that a stage reads is there; before that nobody knows whether it would be made from other
        bytes.
        """
        inputs = self.plan.stages[key].inputs.values()
        return all(needed in self.outcomes and self.outcomes[needed].state in ("done", "cached") for needed in inputs)

    def offer(self, key: str) -> None:
        """Makes a stage ready once all that it reads is there."""
        if key not in self.outcomes and self.settled(key):
            self.ready.add(key)

    def decide(self, key: str, outcome: StageOutcome) -> None:
        """Settles a stage, and what follows from that for its readers."""
        self.outcomes[key] = outcome
        self.ready.discard(key)
        self.postponed.pop(key, None)
        stage = self.plan.stages[key]
        self.emit(Event(outcome.state, stage, outcome.seconds, outcome.error))
        for reader in self.readers[key]:
            if reader in self.outcomes:
                continue
            if outcome.state in ("done", "cached"):
                self.offer(reader)
            elif self.kept(reader):  # what it read is not to be had again, and it is as good as before
                self.decide(reader, StageOutcome("cached"))
            else:
                if outcome.state == "skipped":
                    self.decide(reader, StageOutcome("skipped", outcome.error))
                    continue
                cause = (
                    outcome.error
                    if outcome.state == "blocked"
                    else f"needs {stage.kind} {key[:12]}, which {outcome.state}"
                )
                self.decide(reader, StageOutcome("blocked", cause))

    def dispatch(self) -> None:
        """Gives every free worker its best ready stage; starts workers while there is more to do than hands."""
        while self.ready:
            free = next((hand for hand in self.hands if hand.key is None), None)
            if free is None and len(self.hands) >= self.workers:
                return
            key = self.choose(free.model if free else None)
            self.ready.discard(key)
            if self.kept(key):  # another run finished it meanwhile, or its input was made again with the same bytes
                self.store.touch(key)
                self.decide(key, StageOutcome("cached"))
                continue
            refused = (
                None
                if self.purse is None
                else self.purse.refuses(key, self.measured(), [hand.key for hand in self.hands if hand.key is not None])
            )
            if refused is not None:
                self.decide(key, StageOutcome("skipped", refused))
                continue
            if free is None:
                gpu = freest(self.gpus, [hand.gpu for hand in self.hands]) if self.workers > 1 else None
                free = Hand(self.plan_path, self.folder, self.workers, self.events, gpu)
                self.hands.append(free)
            # Waiting for another run is for the last: with something else to do, its stage is put off.
            others = any(other not in self.postponed for other in self.ready)
            free.take(self.plan.stages[key], wait=not others)

    def measured(self) -> dict[str, float]:
        """Returns key -> wall seconds of the stages that this run has ended."""
        return {key: outcome.seconds for key, outcome in self.outcomes.items() if outcome.seconds}

    def choose(self, model: str | None) -> str:
        """Returns the ready stage to take: not put off, wanting the model at hand or none, earliest cell first."""
        now = time.monotonic()

        def cost(key: str) -> tuple[bool, bool, int]:
            wanted = self.plan.stages[key].model
            return self.postponed.get(key, now) > now, None not in (model, wanted) and wanted != model, self.rank[key]

        return min(self.ready, key=cost)

    def listen(self) -> None:
        """Takes one event; looks after the workers when none comes."""
        try:
            hand, event = self.events.get(timeout=0.5)
        except queue.Empty:
            for hand in self.hands:
                hand.check()
            return
        if event is None:
            self.bury(hand)
        elif event["key"] == hand.key:
            self.hear(hand, event)

    def hear(self, hand: Hand, event: dict[str, Any]) -> None:
        key, kind = event["key"], event["event"]
        stage = self.plan.stages[key]
        if kind in ("started", "waiting", "notice", "progress"):
            self.emit(
                Event(kind, stage, done=event.get("done", 0), total=event.get("total", 0), message=event.get("message"))
            )
            return
        hand.key = None
        if kind == "busy":
            self.postponed[key] = time.monotonic() + RETRY_SECONDS
            self.ready.add(key)
            return
        if kind == "done" and stage.model is not None:
            hand.model = stage.held
        elif kind == "failed":
            hand.model = None
        if event["exhausted"]:
            self.hands.remove(hand)
            hand.end(gently=True)
        self.decide(key, StageOutcome(kind, event["error"], event["seconds"]))

    def bury(self, hand: Hand) -> None:
        """A worker is gone: its stage failed, unless it was published with the last breath; another takes its place."""
        if hand not in self.hands:
            return
        self.hands.remove(hand)
        reason = hand.autopsy()
        if hand.key is None:
            return
        key, seconds = hand.key, hand.seconds()
        if self.store.find(key):
            self.decide(key, StageOutcome("done", None, seconds))
            return
        error = scrub(reason)
        self.store.record_failure(_post_mortem(self.plan.stages[key], error, seconds))
        self.decide(key, StageOutcome("failed", error, seconds))

    def stop(self, *, gently: bool) -> None:
        """Ends all workers: ``gently`` by closing their stdin, else by SIGTERM, and by SIGKILL what does not go."""
        hands, self.hands = self.hands, []
        for hand in hands:
            hand.ask(gently=gently)
        deadline = time.monotonic() + GRACE_SECONDS
        for hand in hands:
            hand.end(gently=gently, seconds=max(0.0, deadline - time.monotonic()))

    def give_up(self) -> dict[str, StageOutcome]:
        for key, stage in self.plan.stages.items():
            if key not in self.outcomes:
                self.outcomes[key] = StageOutcome("done" if self.store.find(key) else "interrupted")
                self.emit(Event(self.outcomes[key].state, stage))
        return {key: self.outcomes[key] for key in self.plan.stages}


def _post_mortem(stage: Stage, error: str, seconds: float) -> Receipt:
    """Returns the receipt that a killed worker could not write; what only it knew is unknown."""
    now = datetime.now(UTC)
    return Receipt(
        key=stage.key,
        kind=stage.kind,
        version=VERSIONS[stage.kind],
        state="failed",
        started=datetime.fromtimestamp(now.timestamp() - seconds, UTC).isoformat(timespec="milliseconds"),
        seconds={"total": round(seconds, 6)},
        cpu_seconds=None,
        device=None,
        devices=None,
        peak_memory_bytes=None,
        tokens={},
        environment={**environment(), "threads": None, "host_cpus": os.cpu_count()},
        provenance={},
        details={},
        error=error,
    )
