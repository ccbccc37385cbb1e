"""Kill -9 a real worker in the middle of a training that writes checkpoints: the next one goes on from the last, to the
same bytes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ftbench.core.plan import Plan
from ftbench.execution.execute import TIMED
from ftbench.store.store import Store
from tests.execution.conftest import ROOT, wait_until
from tests.models.llama import write_llama

MATRIX = (
    "method=full,lora",
    "method.epochs=12",
    "method.learning_rate=3e-3",
    "method.batch_size=2",
    "method.gradient_accumulation=2",
    "method.eval_steps=4",
    "method.checkpoint_every=3",
    "dataset=toy",
    "dataset.limit.train=16",
    "dataset.limit.validation=4",
    "dataset.limit.test=4",
    "decoding.max_new_tokens=4",
    "metrics=[rougeL]",
    "statistics.resamples=100",
    "validation=false",
)


@pytest.fixture
def plan_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    words = ["model=hf", f"model.name_or_path={write_llama(tmp_path / 'model', chat=True, window=1024)}", *MATRIX]
    places = [f"hydra.sweep.dir={tmp_path}/sweep", f"store.dir={tmp_path}/store"]
    done = subprocess.run(
        [sys.executable, "-m", "ftbench", "plan", "-m", *words, *places],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return tmp_path / "sweep" / "plan.json"


def worker(plan_path: Path, keys: list[str], events: Path) -> subprocess.Popen[bytes]:
    with open(events, "wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "ftbench.execution.worker", str(plan_path), *keys],
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in TIMED
    }


@pytest.mark.slow
def test_a_training_killed_in_its_middle_ends_with_the_bytes_of_an_undisturbed_one(
    plan_path: Path, tmp_path: Path
) -> None:
    plan, store = Plan.read(plan_path), Store(Plan.read(plan_path).store)
    keys = [key for key, stage in plan.stages.items() if stage.kind in ("prepare", "train")]
    trains = [key for key in keys if plan.stages[key].kind == "train"]
    assert len(trains) == 2
    for number, key in enumerate(trains):
        started = keys[: keys.index(key) + 1]
        victim = worker(plan_path, started, tmp_path / f"killed{number}.txt")
        try:
            wait_until(lambda: list(store.progress_folder(key).glob("step-*")), seconds=300)
            wait_until(
                lambda: any(int(path.name[5:]) >= 6 for path in store.progress_folder(key).glob("step-*")), seconds=300
            )
            os.kill(victim.pid, signal.SIGKILL)
        finally:
            victim.kill()
            victim.wait()
        assert store.find(key) is None and store.unfinished() == [key]
        reached = max(int(path.name[5:]) for path in store.progress_folder(key).glob("step-*"))
        resumed = tmp_path / f"resumed{number}.txt"
        assert worker(plan_path, started, resumed).wait() == 0, resumed.read_text(encoding="utf-8")
        assert store.find(key) is not None and store.unfinished() == [] and not store.leftovers()
        assert len((store.folder(key) / "curve.jsonl").read_text(encoding="utf-8").splitlines()) == 48 > reached

    other = tmp_path / "undisturbed"
    other.mkdir()
    data = json.loads(plan_path.read_text(encoding="utf-8"))
    (other / "plan.json").write_text(json.dumps({**data, "store": str(other / "store")}), encoding="utf-8")
    assert worker(other / "plan.json", keys, tmp_path / "undisturbed.txt").wait() == 0
    for key in keys:
        mine, theirs = files(store.folder(key)), files(Store(other / "store").folder(key))
        assert mine.keys() == theirs.keys()
        assert [name for name in mine if mine[name] != theirs[name]] == []
