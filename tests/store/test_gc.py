"""Garbage collection: what goes, what stays, what is in use."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from ftbench.cli.gc import main
from ftbench.cli.main import main as ftbench
from ftbench.core.receipt import FILE
from ftbench.store.gc import collect
from ftbench.store.store import Store
from tests.store.conftest import key, publish, receipt
from tests.store.test_store import HOLD, child


def age(path: Path, days: float) -> None:
    then = time.time() - days * 86400
    os.utime(path, (then, then))


def old(store: Store, name: str, days: float = 40) -> Path:
    folder = publish(store, name)
    age(folder / FILE, days)
    return folder


def sweep(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(json.dumps({"stages": [{"key": key(name)} for name in names]}), encoding="utf-8")
    return folder


def test_only_old_and_unreferenced_stages_go(store: Store) -> None:
    for name, days in (("kept", 40), ("young", 2), ("old", 40)):
        old(store, name, days)
    report = collect(store, {key("kept")}, 30, dry_run=True)
    assert [item.key for item in report.removed] == [key("old")]
    assert report.bytes == store.size(key("old")) > 0
    assert len(list(store.keys())) == 3, "a dry run touches nothing"
    assert collect(store, {key("kept")}, 30, dry_run=False).removed == report.removed
    assert set(store.keys()) == {key("kept"), key("young")}
    assert not store.folder(key("old")).exists()
    assert not store.lock_path(key("old")).exists()
    assert not store.leftovers()


def test_a_use_counts_as_young(store: Store) -> None:
    old(store, "a")
    store.touch(key("a"))
    assert collect(store, set(), 30, dry_run=False).removed == ()


def test_a_locked_stage_and_its_temporary_folder_stay_until_the_process_dies(store: Store) -> None:
    old(store, "done")
    holder = child(HOLD, str(store.path), key("working"))
    assert holder.stdout.readline() == "holding\n"
    report = collect(store, set(), 0, dry_run=False)
    assert [item.key for item in report.removed] == [key("done")]
    assert report.busy == (key("working"),)
    assert len(store.leftovers()) == 1
    holder.kill()
    holder.communicate()
    report = collect(store, set(), 0, dry_run=False)
    assert [(item.what, item.key) for item in report.removed] == [("leftover", key("working"))]
    assert store.leftovers() == []


def test_a_finished_stage_that_somebody_reruns_stays(store: Store) -> None:
    old(store, "a")
    with store.begin(key("a"), "prepare", again=True):
        pid = os.fork()
        if pid == 0:  # another process: a lock does not stop its own holder
            report = collect(Store(store.path), set(), 0, dry_run=False)
            os._exit(0 if report.busy == (key("a"),) and report.removed == () else 1)
        assert os.waitpid(pid, 0)[1] == 0
    assert store.find(key("a"))


def test_old_failures_go_and_young_ones_stay(store: Store) -> None:
    age(store.record_failure(receipt("a", state="failed", error="old")), 40)
    store.record_failure(receipt("a", state="failed", error="young"))
    report = collect(store, set(), 30, dry_run=False)
    assert [item.what for item in report.removed] == ["failure"]
    assert [tried.error for tried in store.attempts(key("a"))] == ["young"]


def test_the_verb_lists_then_removes(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old(store, "old")
    old(store, "kept")
    sweep(tmp_path / "multirun" / "deep" / "sweep", "kept")
    words = ["--store", str(store.path), "--keep", str(tmp_path / "multirun"), "--older-than", "30"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert key("old")[:12] in out
    assert "would remove 1 things" in out
    assert "add --yes" in out
    assert store.find(key("old"))
    assert main([*words, "--yes"]) == 0
    assert "removed 1 things" in capsys.readouterr().out
    assert set(store.keys()) == {key("kept")}


def test_sweeps_below_multirun_are_kept_unless_others_are_named(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, days in (("old", 40), ("kept", 40), ("young", 2)):
        old(store, name, days)
    sweep(tmp_path / "multirun" / "day" / "time", "kept")
    assert main(["--store", str(store.path), "--yes"]) == 0
    assert set(store.keys()) == {key("kept"), key("young")}
    assert (
        "1 of them are named by no plan in multirun, but were used in the last 30 days; --older-than 0"
        in capsys.readouterr().out
    )
    sweep(tmp_path / "elsewhere", "young")
    assert main(["--store", str(store.path), "--keep", str(tmp_path / "elsewhere"), "--yes"]) == 0
    assert set(store.keys()) == {key("young")}


@pytest.mark.parametrize("content", [None, "{", "{}", '{"stages": [{}]}'])
def test_an_unreadable_plan_stops_everything(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    old(store, "old")
    folder = tmp_path / "sweep"
    folder.mkdir()
    if content is not None:
        (folder / "plan.json").write_text(content, encoding="utf-8")
    assert ftbench(["gc", "--store", str(store.path), "--keep", str(folder), "--yes"]) == 2
    assert "--keep" in capsys.readouterr().err
    assert store.find(key("old"))


def test_old_checkpoints_go_and_those_of_a_kept_plan_and_of_a_stage_at_work_stay(store: Store) -> None:
    for name, days in (("old", 40), ("young", 2), ("kept", 40), ("working", 40), ("done", 0)):
        folder = store.progress_folder(key(name))
        (folder / "step-3").mkdir(parents=True)
        (folder / "step-3" / "weights.pt").write_bytes(b"weights")
        age(folder, days)
    publish(store, "done")
    (store.progress_folder(key("done")) / "step-3").mkdir(
        parents=True, exist_ok=True
    )  # killed between publishing and clearing up
    holder = child(HOLD, str(store.path), key("working"))
    assert holder.stdout.readline() == "holding\n"
    report = collect(store, {key("kept")}, 30, dry_run=False)
    holder.kill()
    holder.communicate()
    assert {(item.what, item.key) for item in report.removed} == {("progress", key("old")), ("progress", key("done"))}
    assert report.busy == (key("working"),)
    assert store.unfinished() == sorted(key(name) for name in ("young", "kept", "working"))


def test_publishing_removes_the_checkpoints_and_failing_keeps_them(store: Store) -> None:
    with store.begin(key("a"), "train") as attempt:
        attempt.scratch.mkdir(parents=True)
        (attempt.scratch / "weights.pt").write_bytes(b"weights")
    assert store.unfinished() == [key("a")] and store.leftovers() == []
    with store.begin(key("a"), "train") as attempt:
        assert (attempt.scratch / "weights.pt").read_bytes() == b"weights"
        attempt.publish(receipt("a"))
    assert store.unfinished() == [] and store.find(key("a"))
