"""``events.jsonl``."""

from __future__ import annotations

import json
import threading
from datetime import datetime
from pathlib import Path

import pytest

from ftbench.execution.events import Event
from ftbench.execution.executors.local import LocalExecutor
from ftbench.execution.scheduler import run_plan
from ftbench.execution.sinks.jsonl import FILE, EventLog, append
from tests.execution.conftest import Bench


def test_a_line_for_each_event_and_a_second_run_appends(bench: Bench) -> None:
    stages = [bench.stage("good"), bench.stage("bad", wrong="raise")]
    plan, log = bench.plan(*stages, cells=[stages]), EventLog()
    log.start(plan, bench.sweep)
    run_plan(plan, bench.plan_path, LocalExecutor(1), emit=log.take)
    path = bench.sweep / FILE
    first = path.read_text(encoding="utf-8")
    rows = [json.loads(line) for line in first.splitlines()]
    assert [(row["key"], row["kind"], row["state"]) for row in rows] == [
        (stage.key, "prepare", state)
        for stage, ended in zip(stages, ("done", "failed"), strict=True)
        for state in ("started", ended)
    ]
    assert rows[1]["seconds"] > 0 and rows[3]["error"] == "RuntimeError: cannot read bad"
    assert all(datetime.fromisoformat(row["time"]).tzinfo for row in rows)
    log.start(plan, bench.sweep)
    log.take(Event("cached", stages[0]))
    assert path.read_text(encoding="utf-8").startswith(first) and len(path.read_text().splitlines()) == 5


def test_secrets_are_masked_and_progress_is_left_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "quiet-as-a-mouse-77")
    stage, log = bench.stage("one"), EventLog()
    log.start(bench.plan(stage), bench.sweep)
    log.take(Event("progress", stage, done=1, total=2))
    log.take(Event("failed", stage, error="key quiet-as-a-mouse-77"))
    log.take(Event("notice", stage, message="key quiet-as-a-mouse-77"))
    text = (bench.sweep / FILE).read_text(encoding="utf-8")
    assert "mouse" not in text and text.count("key ***") == 2 and text.count("\n") == 2


def test_lines_of_several_writers_do_not_mix(tmp_path: Path) -> None:
    texts = [f"{letter * 5000}\n" for letter in "abcd"]
    threads = [
        threading.Thread(target=lambda text=text: [append(tmp_path / "x", text) for _ in range(20)]) for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((tmp_path / "x").read_text().splitlines(keepends=True)) == sorted(texts * 20)
