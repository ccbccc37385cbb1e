"""Nothing that a signal raises becomes data (mistake 40).

Real processes, real signals, and metrics that swallow whatever is raised.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ftbench.core.files import write_jsonl
from ftbench.core.receipt import Receipt
from ftbench.core.stage import Stage
from ftbench.store.store import Store
from tests.execution.conftest import Bench
from tests.execution.test_worker import events, start

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
CASES = [("sleeps", signal.SIGINT), *((name, signal.SIGTERM) for name in ("sleeps", "swallows", "converts"))]
COMMON = {"group": None, "slices": {}, "finish": "stop", "error": None, "references": ["x"]}


def publish(store: Store, stage: Stage, file: str, rows: Sequence[dict]) -> None:
    """Publishes a stage that holds one file."""
    known = dict.fromkeys(("cpu_seconds", "device", "devices", "peak_memory_bytes", "error"))
    empty: dict[str, dict] = {name: {} for name in ("tokens", "environment", "provenance", "details")}
    with store.begin(stage.key, stage.kind) as attempt:
        write_jsonl(attempt.folder / file, rows)
        started, seconds = "2026-01-01T00:00:00", {"total": 1.0}
        attempt.publish(Receipt(stage.key, stage.kind, stage.version, "done", started, seconds, **known, **empty))


def finished_generate(store: Store) -> Stage:
    """Publishes a generate stage with two answers, the first of them the slow one."""
    stage = Stage("generate", {"of": "tests"}, {}, {})
    publish(store, stage, "outputs.jsonl", [{"id": name, "output": name, **COMMON} for name in ("slow", "quick")])
    return stage


def score_stage(generate: Stage, metric: str) -> Stage:
    path = f"tests.execution.slow_metrics.{metric}"
    node = {"_target_": "ftbench.metrics.function.FunctionMetric", "name": metric, "path": path}
    statistics = {"confidence": 0.95, "resamples": 100, "seed": 0}
    config = {"metrics": {metric: node}, "statistics": statistics}
    return Stage("score", {"metric": metric}, {"generate": generate.key}, config)


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FTBENCH_TEST_MARKER", str(tmp_path / "marker"))
    return tmp_path / "marker"


def interrupted(
    bench: Bench, number: int, marker: Path, wait_until: Callable[..., None], stage: Stage, *words: str
) -> tuple[int, str, str]:
    """Runs a stage in a worker and signals it while the metric computes."""
    marker.unlink(missing_ok=True)
    process = start(bench, stage.key, *words)
    wait_until(marker.exists, seconds=60)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize(("metric", "number"), CASES)
def test_40_a_signal_while_a_metric_computes_is_no_failed_row(
    bench: Bench, marker: Path, wait_until: Callable[..., None], metric: str, number: signal.Signals
) -> None:
    generate = finished_generate(bench.store)
    stage = score_stage(generate, metric)
    bench.plan(generate, stage)
    status, out, err = interrupted(bench, number, marker, wait_until, stage)
    assert bench.store.find(stage.key) is None, "a score that a signal had a hand in"
    assert status == STATUS[number]
    assert not bench.store.attempts(stage.key), "interrupted is not failed"
    assert not bench.store.leftovers()
    assert "done" not in out and "Traceback" not in err


def test_40_a_comparison_that_a_signal_stopped_says_nothing(bench: Bench, wait_until: Callable[..., None]) -> None:
    stage = bench.stage("facts", gate="open", marker="half.part", wrong="swallow")
    bench.plan(stage)
    bench.open_gate("open")
    with start(bench, stage.key) as done:
        done.communicate(timeout=60)
    assert bench.store.find(stage.key) is not None
    (bench.folder / "open").unlink()
    process = start(bench, stage.key, "--force")
    wait_until(lambda: list(bench.store.work.glob(f"{stage.key}.*/half.part")))
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "equal" not in out and "different" not in out


def test_40_a_serving_worker_that_was_signalled_starts_no_other_stage(
    bench: Bench, marker: Path, wait_until: Callable[..., None]
) -> None:
    generate = finished_generate(bench.store)
    stage, after = score_stage(generate, "swallows"), bench.stage("after")
    bench.plan(generate, stage, after)
    process = start(bench, "-")
    process.stdin.write(f"{stage.key}\n{after.key}\n")
    process.stdin.flush()
    wait_until(marker.exists, seconds=60)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 143
    told = [event["event"] for event in events(process.stdout.read())]
    assert [event for event in told if event != "progress"] == ["started"]
    assert bench.store.find(stage.key) is None and bench.loads() == []
    process.communicate()


@pytest.mark.parametrize("number", STATUS)
def test_40_scores_of_files_that_a_signal_stopped_are_not_printed(
    tmp_path: Path, bench: Bench, marker: Path, wait_until: Callable[..., None], number: signal.Signals
) -> None:
    answers, references = tmp_path / "answers.txt", tmp_path / "references.txt"
    answers.write_text("slow\nquick\n", encoding="utf-8")
    references.write_text("x\nx\n", encoding="utf-8")
    files = ["--predictions", str(answers), "--references", str(references)]
    command = [sys.executable, "-m", "ftbench", "score", *files, "--metrics", "tests.execution.slow_metrics.swallows"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(marker.exists, seconds=60)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == STATUS[number]
    assert out == "" and "Traceback" not in err


def test_40_a_metric_that_exits_by_itself_stays_a_failed_row(
    bench: Bench, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTBENCH_TEST_SECONDS", "0")
    generate = finished_generate(bench.store)
    stage = score_stage(generate, "exits")
    bench.plan(generate, stage)
    with start(bench, stage.key) as process:
        process.communicate(timeout=60)
    assert process.returncode == 0
    scores = json.loads((bench.store.find(stage.key) / "scores.json").read_text(encoding="utf-8"))
    raised = scores["exits"]["raised"]
    assert (raised["error"], raised["rows"], scores["exits"]["n"]) == ("SystemExit", 2, 2)


def test_40_code_that_exits_in_another_stage_fails_it_and_not_the_worker(bench: Bench) -> None:
    first, second = bench.stage("leaves", wrong="exit", text="0"), bench.stage("stays")
    bench.plan(first, second)
    with start(bench, first.key, second.key) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "failed" in out and "SystemExit" in out
    assert [receipt.state for receipt in bench.store.attempts(first.key)] == ["failed"]
    assert bench.store.find(second.key) is not None


def test_40_a_reader_that_is_gone_ends_the_stage_that_is_at_work(
    bench: Bench, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTBENCH_TEST_SECONDS", "1")
    generate = finished_generate(bench.store)
    stage = score_stage(generate, "swallows")
    bench.plan(generate, stage)
    process = start(bench, stage.key)
    assert "started" in process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 1
    assert bench.store.find(stage.key) is None and not bench.store.attempts(stage.key)
    assert not bench.store.leftovers()
    process.stdin.close()
    process.stderr.close()


def test_40_a_signal_to_a_child_of_a_body_ends_the_child_alone(bench: Bench) -> None:
    script = (
        "import os, signal, sys, time\n"
        "from ftbench.execution.worker import prepare_process\n"
        "prepare_process()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    time.sleep(60)\n"
        "    os._exit(0)\n"
        "time.sleep(0.3)\n"
        "os.kill(child, signal.SIGTERM)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout.strip(), done.stderr) == ("-15", "")
