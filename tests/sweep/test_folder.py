"""Opening a sweep's folder, and who may write into it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ftbench.core.errors import FtbenchError
from ftbench.core.plan import FILE, Plan
from ftbench.sweep.folder import RESULTS, held, newest, open_folder
from tests.conftest import ROOT
from tests.execution.conftest import wait_until

PLAN = Plan((), {}, (), "", {})
RUN = (
    *(sys.executable, "-m", "ftbench", "-m", "method=none", "dataset.train=24", "dataset.validation=4"),
    *("dataset.test=6", "validation=false", "metrics=[exact_match]", "statistics.resamples=100"),
    *("decoding.max_new_tokens=4", "decoding.latency_requests=0", "hydra.sweep.dir=sweep"),
)


def test_a_folder_its_plan_and_a_store_that_was_moved(tmp_path: Path) -> None:
    path = PLAN.write(tmp_path / "multirun" / "today")
    for place in (path, path.parent):
        found = open_folder(place)
        assert (found.plan, found.results, found.name) == (PLAN, None, "today")
    assert found.store.path == (path.parent / "store").absolute()
    with pytest.raises(FtbenchError, match="holds no plan.json"):
        open_folder(path.parent / "misspelt")
    assert open_folder(path, moved=tmp_path / "elsewhere").store.path == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("other.txt", "x", "holds no plan.json"),
        (FILE, "{", "cannot be read"),
        (FILE, "[1]", "is no JSON object"),
        (FILE, '{"cells": []}', "has no refusals, settings, stages, store"),
        (RESULTS, '{"cells": []}', "is no table of results"),
    ],
)
def test_what_is_no_sweep_is_one_line(tmp_path: Path, name: str, text: str, line: str) -> None:
    if name == RESULTS:
        PLAN.write(tmp_path)
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(FtbenchError, match=line) as raised:
        assert open_folder(tmp_path / name if name == "other.txt" else tmp_path).results
    assert "\n" not in str(raised.value)


def test_a_plan_of_another_version_is_looked_at_and_not_built(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({**PLAN.as_dict(), "cells": [{"id": "old"}]}), encoding="utf-8")
    found = open_folder(tmp_path)
    assert found.data["cells"] == [{"id": "old"}]
    with pytest.raises(FtbenchError, match="is no plan of this version"):
        found.plan  # noqa: B018


def test_a_plan_made_later_does_not_hide_the_sweep_that_was_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People plan the next matrix and then ask for the report, or an export, of the last one."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FtbenchError, match="no sweep below ./multirun"):
        newest()
    for age, (name, files) in enumerate((("planned", ()), ("running", ("worker.log",)), ("ended", (RESULTS,)))):
        (folder := tmp_path / "multirun" / name).mkdir(parents=True)
        for file in (FILE, *files):
            (folder / file).write_text(json.dumps({"of": name}))
        os.utime(folder / FILE, (1e9 - age, 1e9 - age))
    assert newest().name == "planned", "a plan is what explain is asked about"
    assert (newest(RESULTS, "worker.log").name, newest(RESULTS).name) == ("running", "ended")
    for name in ("running", "ended"):
        shutil.rmtree(tmp_path / "multirun" / name)
    assert newest(RESULTS).name == "planned"


def test_one_process_may_hold_a_folder_again_and_leaves_it_free(tmp_path: Path) -> None:
    with held(tmp_path), held(tmp_path):
        assert json.loads((tmp_path / ".lock.json").read_text())["pid"] == os.getpid()
    with held(tmp_path):
        pass


@pytest.mark.slow
def test_a_second_sweep_of_a_folder_is_refused_while_the_first_one_runs(tmp_path: Path) -> None:
    known = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    def start(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*RUN, *words], cwd=tmp_path, env=known, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    first = start()
    wait_until(lambda: (tmp_path / "sweep" / FILE).exists(), 60.0)
    before = {path: path.read_bytes() for path in (tmp_path / "sweep").glob("*.*") if path.name != "events.jsonl"}
    second = start("dataset.test=7")
    told = second.communicate(timeout=60)[1]
    assert second.returncode == 1 and first.poll() is None
    assert told.strip() == (
        f"ftbench: sweep: process {first.pid} on {os.uname().nodename} is running a sweep in this folder. Wait for it,"
        " or set hydra.sweep.dir=FOLDER"
    )
    assert all(path.read_bytes() == before[path] for path in before if path.name in (FILE, "multirun.yaml"))
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=60)
    third = start()
    _, told = third.communicate(timeout=120)
    assert third.returncode == 0, f"a killed sweep's folder can be used again: {told}"
