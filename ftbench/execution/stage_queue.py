"""The stages of a plan while it runs: which are ready, which is best to take next, how each ended, and what follows."""

from __future__ import annotations

import time
from collections.abc import Callable

from ftbench.core.plan import Plan
from ftbench.execution.events import Event, StageOutcome
from ftbench.store.store import Store

RETRY_SECONDS = 1.0
"""How long a stage that another run works on is left alone before it is looked at again."""


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


class StageQueue:
    """The stages of one run.

    Args:
        plan: the plan.
        emit: takes an event for each stage that ends.

    Attributes:
        outcomes: key -> how it ended.
        ready: keys of stages that can be started.
        taken: keys of stages that a worker has.
    """

    def __init__(self, plan: Plan, emit: Callable[[Event], None]) -> None:
        self.plan, self.emit, self.store = plan, emit, Store(plan.store)
        self.outcomes: dict[str, StageOutcome] = {}
        self.ready: set[str] = set()
        self.taken: set[str] = set()
        self._postponed: dict[str, float] = {}
        self._rank = ranks(plan)
        self._readers: dict[str, list[str]] = {key: [] for key in plan.stages}
        for key, stage in plan.stages.items():
            for needed in set(stage.inputs.values()):
                self._readers[needed].append(key)

    def fill(self) -> None:
        """Settles what the store holds, and makes ready what can be started."""
        for key in self.plan.stages:  # inputs stand before what reads them
            if key not in self.outcomes and self.settled(key):
                self.cached(key)
        for key in self.plan.stages:
            self.offer(key)

    def cached(self, key: str) -> bool:
        """Settles a stage that the store holds; returns whether it does."""
        if not self.kept(key):
            return False
        self.store.touch(key)
        self.decide(key, StageOutcome("cached"))
        return True

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
        """Makes a stage ready once all that it reads is there, unless a worker has it."""
        if key not in self.outcomes and key not in self.taken and self.settled(key):
            self.ready.add(key)

    def decide(self, key: str, outcome: StageOutcome) -> None:
        """Settles a stage, and what follows from that for its readers."""
        self.outcomes[key] = outcome
        self.ready.discard(key)
        self.taken.discard(key)
        self._postponed.pop(key, None)
        stage = self.plan.stages[key]
        self.emit(Event(outcome.state, stage, outcome.seconds, outcome.error))
        for reader in self._readers[key]:
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

    def offer_again(self, key: str) -> None:
        """Makes a stage ready again that a worker gave back."""
        self.taken.discard(key)
        self.offer(key)

    def postpone(self, key: str) -> None:
        """Puts off a stage that another run works on."""
        self._postponed[key] = time.monotonic() + RETRY_SECONDS
        self.offer_again(key)

    def only_postponed(self) -> bool:
        """Whether nothing is ready but what was put off."""
        return all(key in self._postponed for key in self.ready)

    def take(self, model: str | None) -> str:
        """Takes the best stage out of what is ready: not put off, wanting the model at hand or none, earliest cell
        first.
        """
        now = time.monotonic()

        def cost(key: str) -> tuple[bool, bool, int]:
            wanted = self.plan.stages[key].model
            return self._postponed.get(key, now) > now, None not in (model, wanted) and wanted != model, self._rank[key]

        key = min(self.ready, key=cost)
        self.ready.discard(key)
        return key

    def chain(self, key: str, most: int) -> list[str]:
        """Returns a ready stage and those that may follow it in the same worker: each reads only from finished stages
        and earlier ones of the chain, and wants no other model; at most so many.
        """
        keys, model = [key], self.plan.stages[key].model
        there = {one for one, outcome in self.outcomes.items() if outcome.state in ("done", "cached")}
        while len(keys) < most:
            known = {*keys, *self.outcomes, *self.taken}
            following = [
                reader
                for one in keys
                for reader in self._readers[one]
                if reader not in known
                and {*self.plan.stages[reader].inputs.values()} <= {*there, *keys}
                and (model is None or self.plan.stages[reader].model in (None, model))
            ]
            if not following:
                break
            keys.append(min(following, key=self._rank.__getitem__))
            model = model or self.plan.stages[keys[-1]].model
        return keys

    def measured(self) -> dict[str, float]:
        """Returns key -> wall seconds of the stages that this run has ended."""
        return {key: outcome.seconds for key, outcome in self.outcomes.items() if outcome.seconds}

    def give_up(self) -> dict[str, StageOutcome]:
        """Settles whatever has not ended as interrupted; returns all outcomes."""
        for key, stage in self.plan.stages.items():
            if key not in self.outcomes:
                self.outcomes[key] = StageOutcome("done" if self.store.find(key) else "interrupted")
                self.emit(Event(self.outcomes[key].state, stage))
        return {key: self.outcomes[key] for key in self.plan.stages}
