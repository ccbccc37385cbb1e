"""The store: what counts as finished, publishing in one step, locks that die with their process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from ftbench.core import termination
from ftbench.core.errors import FtbenchError
from ftbench.core.receipt import FILE
from ftbench.store.lock import Busy
from ftbench.store.store import Attempt, Store
from tests.store.conftest import key, publish, receipt

ROOT = Path(__file__).resolve().parents[2]


def child(script: str, *words: str) -> subprocess.Popen[str]:
    """Starts a Python process that can import ftbench and the tests."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    return subprocess.Popen(
        [sys.executable, "-c", script, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )


def test_published_is_found_with_its_files_and_receipt(store: Store) -> None:
    assert store.find(key("a")) is None
    folder = publish(store, "a", "hello")
    assert store.find(key("a")) == folder
    assert (folder / "deep" / "file.txt").read_text(encoding="utf-8") == "hello"
    assert replace(store.receipt(key("a")), files=None) == receipt("a")
    assert list(store.keys()) == [key("a")]
    assert store.size(key("a")) == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert not store.leftovers()


def test_looking_makes_nothing_on_disk(store: Store) -> None:
    assert store.find(key("a")) is None
    assert list(store.keys()) == store.attempts(key("a")) == store.leftovers() == []
    assert store.size() == 0
    assert not store.path.exists()


def test_40_nothing_is_published_once_a_signal_came(store: Store) -> None:
    """Code that is not ours may swallow what a signal raises and go on to the end."""
    with pytest.raises(termination.Terminated) as ended, termination.handled():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except BaseException as error:
            assert type(error) is termination.Terminated
        publish(store, "a")
    assert ended.value.status == 143
    assert store.find(key("a")) is None and not store.leftovers()
    publish(store, "a")  # the next process knows of no signal
    assert store.find(key("a")) is not None


def test_published_files_are_read_only(store: Store) -> None:
    folder = publish(store, "a")
    modes = {path.stat().st_mode & 0o222 for path in folder.rglob("*") if path.is_file()}
    assert modes == {0}


BROKEN = [
    None,
    "",
    "{",
    "[]",
    '{"state": "done"}',
    json.dumps(receipt("a", state="failed", error="no").as_dict()),
    json.dumps(receipt("b").as_dict()),
]


@pytest.mark.parametrize("content", BROKEN, ids=["none", "empty", "cut", "list", "partial", "failed", "foreign"])
def test_0_a_folder_is_not_done_without_a_whole_receipt_of_its_own_that_says_so(
    store: Store, content: str | None
) -> None:
    """A field's favourite: "folder exists" taken for "done"."""
    target = store.folder(key("a"))
    target.mkdir(parents=True)
    if content is not None:
        (target / FILE).write_text(content, encoding="utf-8")
        (target / "weights.bin").write_text("half", encoding="utf-8")
    assert store.find(key("a")) is None
    assert list(store.keys()) == []
    with pytest.raises(FileNotFoundError):
        store.receipt(key("a"))
    folder = publish(store, "a")
    assert store.find(key("a")) == folder
    assert not (folder / "weights.bin").exists()
    assert not store.leftovers()


def test_0_the_receipt_is_the_last_thing_written_and_the_target_appears_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at any system call that publishing makes, the stage is either not there or there whole."""
    seen: list[tuple[bool, bool, bool]] = []
    real = {name: getattr(os, name) for name in ("fsync", "rename", "chmod")}

    def spy(name: str):
        def call(*args, **kwargs):
            folders = list(store.work.glob(f"{key('a')}.*"))
            written = bool(folders) and (folders[0] / FILE).exists()
            read_only = not any(path.stat().st_mode & 0o222 for folder in folders for path in folder.rglob("file.txt"))
            target = store.folder(key("a"))
            whole = not target.exists() or (target / FILE).exists() and (target / "deep" / "file.txt").exists()
            seen.append((written, read_only, whole))
            return real[name](*args, **kwargs)

        return call

    for name in real:
        monkeypatch.setattr(os, name, spy(name))
    publish(store, "a")
    assert all(whole for _, _, whole in seen)
    assert any(not written for written, _, _ in seen)
    assert all(read_only for written, read_only, _ in seen if written), (
        "the receipt comes after the other files are settled"
    )


def test_0_whoever_publishes_first_stays(store: Store) -> None:
    first = publish(store, "a", "first")
    scratch = store.work / f"{key('a')}.host.1.x"
    scratch.mkdir(parents=True)
    (scratch / "file.txt").write_text("second", encoding="utf-8")
    assert Attempt(store, key("a"), scratch, None).publish(receipt("a")) == first
    assert (first / "deep" / "file.txt").read_text(encoding="utf-8") == "first"
    assert not (first / "file.txt").exists()


def test_a_body_must_not_write_the_receipt(store: Store) -> None:
    with pytest.raises(FtbenchError, match="must not write it"), store.begin(key("a"), "prepare") as attempt:
        (attempt.folder / FILE).write_text("{}", encoding="utf-8")
        attempt.publish(receipt("a"))
    assert store.find(key("a")) is None


def test_an_exception_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.begin(key("a"), "prepare") as attempt:
        (attempt.folder / "file.txt").write_text("x", encoding="utf-8")
        raise ZeroDivisionError
    assert store.find(key("a")) is None
    assert not store.leftovers()


def test_0_failed_attempts_are_kept_apart_and_never_found(store: Store) -> None:
    for number in range(3):
        with store.begin(key("a"), "prepare") as attempt:
            attempt.fail(receipt("a", state="failed", error=f"error {number}"))
    assert store.find(key("a")) is None
    assert [tried.error for tried in store.attempts(key("a"))] == ["error 0", "error 1", "error 2"]
    publish(store, "a")
    assert store.receipt(key("a")).state == "done"
    assert len(store.attempts(key("a"))) == 3


def test_who_waits_finds_what_was_finished_meanwhile(store: Store) -> None:
    publish(store, "a")
    with store.begin(key("a"), "prepare") as attempt:
        assert attempt.found == store.folder(key("a"))
    with store.begin(key("a"), "prepare", again=True) as attempt:
        assert attempt.found is None
        assert attempt.folder.is_dir()
    assert store.find(key("a"))


HOLD = """
import sys, time
from ftbench.store.store import Store
with Store(sys.argv[1]).begin(sys.argv[2], "prepare") as attempt:
    (attempt.folder / "half.bin").write_text("half")
    print("holding", flush=True)
    time.sleep(60)
"""


def test_0_a_lock_dies_with_its_process_and_its_leftovers_are_swept(store: Store) -> None:
    holder = child(HOLD, str(store.path), key("a"))
    assert holder.stdout.readline() == "holding\n"
    with pytest.raises(Busy), store.begin(key("a"), "prepare", wait=False):
        pytest.fail("two holders")
    with store.begin(key("b"), "prepare", wait=False) as attempt:
        assert attempt.folder.is_dir(), "another key is free"
    assert len(store.leftovers(key("a"))) == 1
    holder.kill()
    holder.communicate()
    with store.begin(key("a"), "prepare", wait=False) as attempt:
        assert store.leftovers(key("a")) == [attempt.folder]
        assert not list(attempt.folder.iterdir())


def test_waiting_says_for_whom(store: Store) -> None:
    holder = child(HOLD, str(store.path), key("a"))
    assert holder.stdout.readline() == "holding\n"
    said: list[str] = []

    def on_wait(message: str) -> None:
        said.append(message)
        holder.kill()

    with store.begin(key("a"), "prepare", on_wait=on_wait) as attempt:
        assert attempt.found is None
    holder.communicate()
    assert said == [f"prepare {key('a')[:12]}: waiting for process {holder.pid} on {said[0].rpartition(' ')[2]}"]


WRITE = """
import sys
from ftbench.store.store import Store
from tests.store.conftest import key, receipt
store = Store(sys.argv[1])
for number in range(50):
    with store.begin(key(str(number)), "prepare") as attempt:
        if attempt.found is None:
            (attempt.folder / "file.txt").write_text(f"content of {number}")
            attempt.publish(receipt(str(number)))
            print(number)
"""


def test_0_eight_writers_and_fifty_keys_do_each_once(store: Store) -> None:
    writers = [child(WRITE, str(store.path)) for _ in range(8)]
    said = [writer.communicate(timeout=120) for writer in writers]
    assert [err for _, err in said] == [""] * 8
    assert Counter(line for out, _ in said for line in out.split()) == Counter({str(number): 1 for number in range(50)})
    assert sorted(store.keys()) == sorted(key(str(number)) for number in range(50))
    for number in range(50):
        assert (store.folder(key(str(number))) / "file.txt").read_text(encoding="utf-8") == f"content of {number}"
    assert not store.leftovers()


def test_a_store_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("", encoding="utf-8")
    with pytest.raises(FtbenchError, match="is a file. Name a folder"):
        Store(tmp_path / "store")


@pytest.mark.parametrize("bad", ["", "abc", "../" * 21 + "a", "A" * 64, key("a") + "\n"])
def test_a_key_is_checked_before_it_becomes_a_path(store: Store, bad: str) -> None:
    with pytest.raises(ValueError, match="no stage key"):
        store.find(bad)
