"""The scheduler: order, failures, deaths, interruption, and two runs on one store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from ftbench.core.plan import Plan
from ftbench.core.stage import Stage
from ftbench.cost.budget import BudgetGuard
from ftbench.execution.events import Event, Interrupted, StageOutcome
from ftbench.execution.executors.local import LocalExecutor
from ftbench.execution.scheduler import run_plan
from ftbench.execution.stage_queue import ranks
from ftbench.execution.worker import LOG
from tests.execution.conftest import Bench

SCRIPT = """
import signal
import sys
from pathlib import Path
from ftbench.core.plan import Plan
from ftbench.execution.sinks.progress import Progress
from ftbench.execution.events import Interrupted
from ftbench.execution.executors.local import LocalExecutor
from ftbench.execution.scheduler import run_plan
# tests started in the background would hand down that it is ignored
signal.signal(signal.SIGINT, signal.default_int_handler)
path = Path(sys.argv[1])
plan = Plan.read(path)
progress = Progress()
progress.start(plan, path.parent)
try:
    outcomes = run_plan(plan, path, LocalExecutor(1), emit=progress.take)
except Interrupted as stopped:
    print(",".join(outcome.state for outcome in stopped.outcomes.values()))
    sys.exit(130)
print(",".join(outcome.state for outcome in outcomes.values()))
"""


def walk(bench: Bench, plan: Plan, workers: int = 1, **options: object) -> dict[str, StageOutcome]:
    return run_plan(plan, bench.plan_path, LocalExecutor(workers), **options)


def states(outcomes: dict[str, StageOutcome]) -> list[str]:
    return [outcome.state for outcome in outcomes.values()]


def in_own_process(bench: Bench) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, str(bench.plan_path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def test_all_stages_run_once_and_are_cached_the_second_time(bench: Bench) -> None:
    first = bench.stage("first")
    second = bench.stage("second", [first])
    plan = bench.plan(first, second)
    assert states(walk(bench, plan)) == ["done", "done"]
    seen: list[Event] = []
    assert states(walk(bench, plan, emit=seen.append)) == ["cached", "cached"]
    assert [event.state for event in seen] == ["cached", "cached"], "a cached stage is never sent to a worker"
    assert bench.loads() == ["first", "second"]


def test_a_failure_blocks_only_what_reads_from_it(bench: Bench) -> None:
    root = bench.stage("root")
    bad = bench.stage("bad", [root], wrong="raise")
    child = bench.stage("child", [bad])
    grandchild = bench.stage("grandchild", [child, root])
    other = bench.stage("other", [root])
    outcomes = walk(bench, bench.plan(root, bad, child, grandchild, other))
    assert states(outcomes) == ["done", "failed", "blocked", "blocked", "done"]
    assert outcomes[bad.key].error == "RuntimeError: cannot read bad"
    assert outcomes[child.key].error == outcomes[grandchild.key].error == f"needs prepare {bad.key[:12]}, which failed"
    assert [receipt.error for receipt in bench.store.attempts(bad.key)] == ["RuntimeError: cannot read bad"]


def test_a_failed_stage_is_tried_again_in_the_next_run(bench: Bench) -> None:
    assert states(walk(bench, bench.plan(bench.stage("moody", wrong="raise")))) == ["failed"]
    assert states(walk(bench, bench.plan(bench.stage("moody")))) == ["done"]


def test_a_killed_worker_fails_its_stage_only_and_is_replaced(bench: Bench) -> None:
    stages = [bench.stage("before"), bench.stage("doomed", wrong="kill"), bench.stage("after")]
    plan = bench.plan(*stages, cells=[stages])
    outcomes = walk(bench, plan)
    assert states(outcomes) == ["done", "failed", "done"]
    assert outcomes[stages[1].key].error == "worker was killed by signal 9 (out of memory?)"
    (receipt,) = bench.store.attempts(stages[1].key)
    assert (receipt.state, receipt.error, receipt.peak_memory_bytes) == ("failed", outcomes[stages[1].key].error, None)
    before, doomed, after = bench.pids()
    assert before == doomed != after, "one worker serves until it dies, then another does"


def test_a_worker_out_of_memory_is_replaced(bench: Bench) -> None:
    stages = [bench.stage("big", wrong="exhaust"), bench.stage("small")]
    outcomes = walk(bench, bench.plan(*stages, cells=[stages]))
    assert states(outcomes) == ["failed", "done"]
    first, second = bench.pids()
    assert first != second


def test_a_worker_that_cannot_start_fails_stages_with_its_last_words(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTBENCH_THREADS", "lots")
    outcomes = walk(bench, bench.plan(bench.stage("one"), bench.stage("two")))
    assert states(outcomes) == ["failed", "failed"]
    assert {outcome.error for outcome in outcomes.values()} == {
        "worker ended with status 2: FTBENCH_THREADS=lots: is no thread count. Set it to a whole number from 1"
    }


def test_several_workers_share_the_stages(bench: Bench, wait_until: Callable[..., None]) -> None:
    gated = [bench.stage(f"held{index}", gate="open", marker="half.part") for index in range(2)]
    plan = bench.plan(*gated)
    result: dict[str, StageOutcome] = {}
    thread = threading.Thread(target=lambda: result.update(walk(bench, plan, workers=2)))
    thread.start()
    wait_until(lambda: len(bench.store.leftovers()) == 2)
    bench.open_gate("open")
    thread.join(timeout=30)
    assert states(result) == ["done", "done"]
    assert len(set(bench.pids())) == 2


def test_cells_finish_one_by_one_and_shared_stages_come_first(bench: Bench) -> None:
    shared = bench.stage("shared")
    cells = [[shared, bench.stage(f"train{index}", [shared])] for index in range(3)]
    for cell in cells:
        cell.append(bench.stage(f"score{cell[1].key[:3]}", [cell[1]]))
    plan = bench.plan(shared, *(cell[1] for cell in cells), *(cell[2] for cell in cells), cells=cells)
    wanted = [shared.key, *(stage.key for cell in cells for stage in cell[1:])]
    assert sorted(ranks(plan), key=ranks(plan).get) == wanted
    done: list[str] = []
    walk(bench, plan, emit=lambda event: done.append(event.stage.key) if event.state == "done" else None)
    assert done == wanted


def test_the_model_at_hand_is_preferred(bench: Bench) -> None:
    stages = [bench.stage(name, model=model) for name, model in (("a1", "a"), ("b1", "b"), ("a2", "a"), ("b2", "b"))]
    walk(bench, bench.plan(*stages, cells=[[stage] for stage in stages]))
    assert bench.loads() == ["a1", "a2", "b1", "b2"]


def test_two_runs_sharing_a_store_do_each_stage_once(bench: Bench, wait_until: Callable[..., None]) -> None:
    root = bench.stage("root", gate="open", marker="half.part")
    stages = [root, *(bench.stage(f"leaf{index}", [root]) for index in range(6))]
    bench.plan(*stages)
    runs = [in_own_process(bench), in_own_process(bench)]
    wait_until(lambda: bench.store.leftovers(root.key))
    bench.open_gate("open")
    found = [run.communicate(timeout=60)[0].strip().split(",") for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sorted(bench.loads()) == sorted(["root", *(f"leaf{index}" for index in range(6))])
    assert all(set(column) == {"done", "cached"} for column in zip(*found, strict=True))


def test_while_another_run_holds_a_stage_the_others_go_on(bench: Bench, wait_until: Callable[..., None]) -> None:
    held, free = bench.stage("held", gate="open", marker="half.part"), bench.stage("free")
    bench.plan(held)
    first = in_own_process(bench)
    wait_until(lambda: bench.store.leftovers(held.key))
    bench.plan(held, free, cells=[[held], [free]])
    second = in_own_process(bench)
    wait_until(lambda: bench.store.find(free.key))
    assert bench.store.find(held.key) is None
    bench.open_gate("open")
    assert first.communicate(timeout=30)[0].strip() == "done"
    assert second.communicate(timeout=30)[0].strip() == "cached,done"


@pytest.mark.parametrize("whole_group", [False, True], ids=["runner", "terminal"])
def test_ctrl_c_keeps_what_is_finished_and_leaves_nothing_behind(
    bench: Bench, wait_until: Callable[..., None], whole_group: bool
) -> None:
    stages = [bench.stage("finished"), bench.stage("held", gate="never", marker="half.part"), bench.stage("waiting")]
    bench.plan(*stages, cells=[stages])
    run = in_own_process(bench)
    wait_until(lambda: list(bench.store.work.glob("*/half.part")))
    (os.killpg if whole_group else os.kill)(run.pid, signal.SIGINT)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 130
    assert out.strip() == "done,interrupted,interrupted"
    assert "Traceback" not in err
    assert not bench.store.leftovers()
    assert not bench.store.attempts(stages[1].key), "being stopped is no failure"
    bench.open_gate("never")
    plan = Plan.read(bench.plan_path)
    assert states(walk(bench, plan)) == ["cached", "done", "done"]


def test_0_a_killed_run_is_resumed_with_equal_bytes(
    bench: Bench, other_bench: Bench, wait_until: Callable[..., None]
) -> None:
    def stages(where: Bench, gate: str) -> list[Stage]:
        first = where.stage("first")
        return [
            first,
            where.stage("second", [first], gate=gate, marker="half.part" if gate else ""),
            where.stage("third", [first]),
        ]

    bench.plan(*stages(bench, "open"))
    run = in_own_process(bench)
    wait_until(lambda: list(bench.store.work.glob("*/half.part")))
    worker = bench.pids()[-1]
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=30)
    wait_until(lambda: not os.path.exists(f"/proc/{worker}/exe"))
    bench.open_gate("open")
    mine = stages(bench, "open")
    assert states(walk(bench, Plan.read(bench.plan_path)))[0] == "cached"
    theirs = stages(other_bench, "")
    walk(other_bench, other_bench.plan(*theirs))
    for stage, twin in zip(mine, theirs, strict=True):
        assert bench.artefacts(stage) == other_bench.artefacts(twin)


def test_secrets_reach_no_file_and_no_event(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "quiet-as-a-mouse-77")
    stages = [
        bench.stage("loud", wrong="print", text="key quiet-as-a-mouse-77"),
        bench.stage("bad", wrong="raise", text="quiet-as-a-mouse-77"),
    ]
    seen: list[Event] = []
    outcomes = walk(bench, bench.plan(*stages), emit=seen.append)
    assert states(outcomes) == ["done", "failed"]
    texts = (bench.text_of_everything(), str(seen[-1].error), str(outcomes[stages[1].key].error))
    assert (bench.sweep / LOG).exists()
    for text in texts:
        assert "mouse" not in text
        assert "***" in text


def test_interrupted_is_a_keyboard_interrupt() -> None:
    assert issubclass(Interrupted, KeyboardInterrupt)


def test_a_stage_that_no_longer_fits_the_budget_is_skipped_with_all_that_reads_it(bench: Bench) -> None:
    first = bench.stage("first")
    dear, cheap = bench.stage("dear", [first]), bench.stage("cheap", [first])
    last = bench.stage("last", [dear])
    plan = bench.plan(first, dear, cheap, last, cells=[[first, cheap], [first, dear, last]])
    price = {first.key: (1.0, 0.1), cheap.key: (1.0, 0.1), dear.key: (9.0, 5.0), last.key: (1.0, 0.1)}
    outcomes = walk(bench, plan, budget_guard=BudgetGuard(price, dict.fromkeys(price, 1.0), 1.0, None))
    assert [outcomes[stage.key].state for stage in (first, cheap, dear, last)] == ["done", "done", "skipped", "skipped"]
    assert "of budget.usd=1" in outcomes[dear.key].error and outcomes[last.key].error == outcomes[dear.key].error
