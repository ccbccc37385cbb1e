"""Kill -9 in the middle of each kind of stage, with real models, and a resume that gives the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ftbench.core.plan import Plan
from ftbench.core.stage import RECORD, VERSIONS
from ftbench.execution.execute import TIMED
from ftbench.store.store import Store
from tests.execution.conftest import ROOT, wait_until
from tests.metrics.tasks import write_tasks

MATRIX = (
    "-m",
    "method=lora,dpo",
    "context=zero_shot,rag",
    "artifact=adapter,merged",
    "method.epochs=1",
    "dataset.train=24",
    "dataset.validation=8",
    "dataset.test=12",
    "decoding.batch_size=2",
    "decoding.max_new_tokens=8",
    "decoding.latency_requests=1",
    "metrics=[rougeL,perplexity,judge_correctness]",
    "judge.model=tiny",
    "judge.max_new_tokens=4",
    "statistics.resamples=100",
    "validation=false",
)
AT_WORK = ("train", "generate")
"""Kinds that tell their progress before they are nearly done; the others are killed while they load."""


@pytest.fixture
def plan_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    asked = ["harness.tasks=[colours]", f"harness.include_path={write_tasks(tmp_path / 'tasks')}"]
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    places = [f"hydra.sweep.dir={tmp_path}/sweep", f"store.dir={tmp_path}/store"]
    done = subprocess.run(
        [sys.executable, "-m", "ftbench", "plan", *MATRIX, *asked, *places],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return tmp_path / "sweep" / "plan.json"


def one_of_each_kind(plan: Plan) -> list[str]:
    """Returns the keys of one stage of each kind and of what they read, inputs first."""
    wanted = {kind: next(key for key, stage in plan.stages.items() if stage.kind == kind) for kind in VERSIONS}
    needed = set(wanted.values())
    for key in reversed(plan.stages):
        if key in needed:
            needed |= set(plan.stages[key].inputs.values())
    return [key for key in plan.stages if key in needed]


def artefacts(store: Store, plan: Plan, keys: list[str]) -> dict[str, bytes]:
    found = {}
    for key in keys:
        stage, folder = plan.stages[key], store.find(key)
        assert folder is not None
        for path in folder.rglob("*"):
            if path.is_file() and path.name not in TIMED:
                found[f"{stage.kind}/{path.relative_to(folder)}"] = path.read_bytes()
    return found


def kill_in_the_middle(plan_path: Path, store: Store, keys: list[str], at_work: bool) -> None:
    """Runs the stages in one worker and kills it in the last."""
    events = plan_path.parent / "events.jsonl"
    with open(events, "w", encoding="utf-8") as out:
        worker = subprocess.Popen(
            [sys.executable, "-m", "ftbench.execution.worker", str(plan_path), "-"],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    try:
        worker.stdin.write("".join(f"{key}\n" for key in keys))
        worker.stdin.flush()
        wait_until(lambda: list(store.work.glob(f"{keys[-1]}.*/{RECORD}")), seconds=300)
        if at_work:
            wait_until(lambda: _told(events, keys[-1]), seconds=300)
        os.kill(worker.pid, signal.SIGSTOP)
        (leftover,) = store.leftovers(keys[-1])
        assert not (leftover / "receipt.json").exists()
        assert store.find(keys[-1]) is None
    finally:
        worker.kill()
        worker.communicate()


def _told(events: Path, key: str) -> bool:
    lines = events.read_text(encoding="utf-8").splitlines()
    return any(event["key"] == key and event["event"] == "progress" for event in map(json.loads, lines))


@pytest.mark.slow
def test_0_killed_in_each_kind_of_stage_and_resumed_the_bytes_are_those_of_an_undisturbed_run(
    plan_path: Path, tmp_path: Path
) -> None:
    plan = Plan.read(plan_path)
    store = Store(plan.store)
    keys = one_of_each_kind(plan)
    for index, key in enumerate(keys):
        kill_in_the_middle(plan_path, store, keys[: index + 1], plan.stages[key].kind in AT_WORK)
        assert [store.find(other) is not None for other in keys] == [number < index for number in range(len(keys))]

    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    data = json.loads(plan_path.read_text(encoding="utf-8"))
    (undisturbed / "plan.json").write_text(json.dumps({**data, "store": str(undisturbed / "store")}), encoding="utf-8")
    for path in (plan_path, undisturbed / "plan.json"):
        assert (
            subprocess.run(
                [sys.executable, "-m", "ftbench.execution.worker", str(path), *keys], capture_output=True, check=False
            ).returncode
            == 0
        )

    mine, theirs = artefacts(store, plan, keys), artefacts(Store(undisturbed / "store"), plan, keys)
    assert mine.keys() == theirs.keys()
    assert [name for name in mine if mine[name] != theirs[name]] == []
    written = {
        "prepare/test.jsonl",
        "train/curve.jsonl",
        "reference/reference.jsonl",
        "merge/comparison.json",
        "harness/samples.jsonl",
        "judge/verdicts.jsonl",
    }
    assert written | {"generate/outputs.jsonl", "likelihood/likelihood.jsonl", "score/scores.json"} <= mine.keys()
    assert not store.leftovers()
