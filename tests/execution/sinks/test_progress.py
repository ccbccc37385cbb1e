"""What a run shows."""

from __future__ import annotations

import io
from pathlib import Path

from ftbench.core.plan import Plan
from ftbench.execution.events import Event
from ftbench.execution.executors.local import LocalExecutor
from ftbench.execution.scheduler import run_plan
from ftbench.execution.sinks.progress import Progress
from tests.execution.conftest import Bench


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def progress_over(plan: Plan, out: io.StringIO) -> Progress:
    progress = Progress(out=out)
    progress.start(plan, Path())
    return progress


def shown(bench: Bench, price: float | None, out: io.StringIO) -> tuple[Progress, list[str]]:
    stages = [bench.stage("one"), bench.stage("bad", wrong="raise"), bench.stage("three")]
    plan = bench.plan(*stages, cells=[[stage] for stage in stages], hardware={"usd_per_hour": price, "gpus": 2})
    progress = progress_over(plan, out)
    progress.take(Event("done", stages[0], seconds=900.0))
    assert progress.seconds_left() == 1800.0
    progress.take(Event("started", stages[1]))
    progress.take(Event("progress", stages[1], done=1, total=4))
    progress.take(Event("failed", stages[1], seconds=900.0, error="RuntimeError: no"))
    progress.take(Event("done", stages[2], seconds=1800.0))
    progress.end()
    return progress, out.getvalue().splitlines()


def test_a_log_gets_one_line_per_finished_stage(bench: Bench) -> None:
    progress, lines = shown(bench, 4.0, io.StringIO())
    assert len(lines) == 3
    assert lines[0].startswith("1/3 stages, 1/3 cells, about 30 min 00 s left, $2.00  prepare ")
    assert lines[0].endswith("(cell0) 900.0 s")
    assert lines[1].endswith("(cell1) failed: RuntimeError: no")
    assert "3/3 stages, 2/3 cells, 1 failed, $8.00" in lines[2]
    assert "\r" not in "".join(lines)
    assert progress.usd() == 8.0


def test_31_an_unknown_price_shows_no_money_rather_than_nothing(bench: Bench) -> None:
    """Number 31: unknown is null, never 0."""
    progress, lines = shown(bench, None, io.StringIO())
    assert progress.usd() is None
    assert "$" not in "".join(lines)


def test_a_terminal_gets_one_rewriting_line(bench: Bench) -> None:
    out = Terminal()
    shown(bench, 4.0, out)
    text = out.getvalue()
    assert text.count("\n") == 2, "one for the failure, which stays, and one at the end"
    assert text.count("\r\x1b[K") >= 4
    assert "failed: RuntimeError: no" in text


def test_no_time_left_is_guessed_before_a_kind_was_seen_and_cached_stages_count_as_seen(bench: Bench) -> None:
    first, second = bench.stage("one"), bench.stage("two")
    progress = progress_over(bench.plan(first, second), io.StringIO())
    assert progress.seconds_left() is None
    run_plan(bench.plan(first), bench.plan_path, LocalExecutor(1))
    progress.take(Event("cached", first))
    assert progress.seconds_left() == bench.store.receipt(first.key).seconds["total"] > 0


def test_it_follows_a_real_run(bench: Bench) -> None:
    plan = bench.plan(bench.stage("one"), bench.stage("two"))
    out = io.StringIO()
    progress = progress_over(plan, out)
    run_plan(plan, bench.plan_path, LocalExecutor(1), emit=progress.take)
    assert progress.counts() == {"done": 2}
    assert len(out.getvalue().splitlines()) == 2
