"""What the scheduler asks of an executor: the receipt in the store decides, not the answer."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ftbench.core.cell import Cell
from ftbench.core.plan import Plan
from ftbench.core.stage import Stage
from ftbench.execution.events import Event, StageOutcome
from ftbench.execution.executors.base import Executor, Exit, Needs, Report, Work, WorkerHandle, needs_of
from ftbench.execution.scheduler import run_plan
from tests.execution.conftest import Bench

Answer = Callable[[int | None, int], Exit | None]


class Handle(WorkerHandle):
    """A worker's command line, and what an engine says of it: ``answer(status, number of the worker)``."""

    def __init__(self, work: Work, answer: Answer, number: int) -> None:
        self.process = subprocess.Popen(work.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.answer, self.number = answer, number

    def poll(self) -> Exit | None:
        return self.answer(self.process.poll(), self.number)

    def stop(self, *, gently: bool) -> None:
        if not gently:
            self.process.terminate()


@dataclass
class Engine(Executor):
    """Starts command lines, and remembers what it was given."""

    answer: Answer
    longest_chain = 4

    def __post_init__(self) -> None:
        self.given: list[Work] = []
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, work: Work, report: Report) -> Handle:
        self.given.append(work)
        handle = Handle(work, self.answer, len(self.given))
        self.processes.append(handle.process)
        return handle


def honest(status: int | None, number: int) -> Exit | None:
    return None if status is None else Exit(f"status {status}")


def walk(
    bench: Bench, stages: Sequence[Stage], answer: Answer, **options: object
) -> tuple[list[str], list[StageOutcome], Engine]:
    engine = Engine(1, answer)
    outcomes = run_plan(bench.plan(*stages, cells=[stages]), bench.plan_path, engine, **options)
    return [outcome.state for outcome in outcomes.values()], list(outcomes.values()), engine


def test_a_chain_is_run_by_one_command_line_and_the_store_says_what_became_of_it(bench: Bench) -> None:
    first = bench.stage("first")
    bad = bench.stage("bad", [first], wrong="raise")
    last = bench.stage("last", [bad])
    other = bench.stage("other", [first])
    states, outcomes, engine = walk(bench, [first, bad, last, other], honest)
    assert states == ["done", "failed", "blocked", "done"]
    assert outcomes[1].error == "RuntimeError: cannot read bad" and outcomes[0].seconds > 0
    assert len(engine.given) == 1 and len(engine.given[0].keys) == 4
    assert len(bench.store.attempts(bad.key)) == 1, "the worker's own receipt, and no second one"


def test_a_lost_worker_has_its_stage_started_again_though_it_may_still_run(bench: Bench) -> None:
    def lost_once(status: int | None, number: int) -> Exit | None:
        return Exit("node left", lost=True) if number == 1 else honest(status, number)

    told: list[Event] = []

    def hear(event: Event) -> None:
        told.append(event)
        if event.state == "notice":  # until then the first worker is at the first stage
            bench.open_gate("open")

    stages = [bench.stage("one", gate="open"), bench.stage("two")]
    states, _, engine = walk(bench, stages, lost_once, emit=hear)
    engine.processes[0].wait(timeout=30)
    assert states == ["done", "done"] and len(engine.given) >= 2
    assert [event.message for event in told if event.state == "notice"] == [
        f"{stages[0].key[:12]}: node left; started again"
    ]
    assert sorted(bench.loads()) == ["one", "two"], "the store's lock keeps two workers from doing a stage twice"


def test_a_stage_whose_workers_are_lost_each_time_fails(bench: Bench) -> None:
    held = bench.stage("held", gate="open")

    def always(status: int | None, number: int) -> Exit | None:
        return Exit("node left", lost=True)

    states, outcomes, engine = walk(bench, [held], always)
    bench.open_gate("open")
    for process in engine.processes:
        process.wait(timeout=30)
    assert states == ["failed"] and outcomes[0].error == "node left (3 times)" and len(engine.given) == 3


class Liar(WorkerHandle):
    """Says that everything is done and does nothing."""

    def __init__(self, report: Report) -> None:
        self.report, self.stopped = report, False

    def take(self, work: Work) -> bool:
        for key in work.keys:
            self.report({"event": "done", "key": key, "seconds": 1.0, "error": None, "exhausted": False})
        return True

    def poll(self) -> Exit | None:
        return Exit("stopped") if self.stopped else None

    def stop(self, *, gently: bool) -> None:
        self.stopped = True


@dataclass
class Lying(Executor):
    def start(self, work: Work, report: Report) -> Liar:
        handle = Liar(report)
        handle.take(work)
        return handle


def test_an_answer_without_a_receipt_is_not_believed(bench: Bench) -> None:
    stage = bench.stage("one")
    outcomes = run_plan(bench.plan(stage), bench.plan_path, Lying(1))
    assert outcomes[stage.key].state == "failed"
    assert outcomes[stage.key].error == "worker said done, and the store has no receipt (3 times)"


def test_needs_are_those_of_the_forecast_and_unknown_is_none() -> None:
    light, heavy = Stage("prepare", {}, {}, {}), Stage("train", {}, {}, {}, "model")
    cell = Cell("0", "cell", {}, (), {"hardware": {"name": "h100", "gpus": 2}}, {"a": light.key, "b": heavy.key})
    known = {
        light.key: {"h100": {"seconds": 0.0}},
        heavy.key: {"h100": {"seconds": 3000.0, "load_seconds": 600.0, "needs_bytes": 8e9}},
    }
    plan = Plan((cell,), {light.key: light, heavy.key: heavy}, (), "", {}, {"stages": known})
    assert needs_of(plan, [light.key, heavy.key]) == Needs(gpus=2, memory_bytes=8e9, hours=1.0)
    assert needs_of(plan, [light.key]) == Needs(gpus=0, hours=0.0)
    unknown = Plan((cell,), plan.stages, (), "", {})
    assert needs_of(unknown, [heavy.key]) == Needs(gpus=2)
    assert Work(Path("plan.json"), (heavy.key,)).command()[1:] == [
        *("-m", "ftbench.execution.worker", "plan.json"),
        heavy.key,
    ]
