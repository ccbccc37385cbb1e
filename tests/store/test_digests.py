"""Receipts hold size and sha256 of every file; what is read is compared with them. The reference is hashlib over the
bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from ftbench.core.errors import FtbenchError
from ftbench.core.receipt import FILE, Receipt
from ftbench.store import digests
from ftbench.store.store import Store
from tests.store.conftest import key, publish, receipt

FILES = {"scores.json": b'{"a": 1}\n', "deep/weights.bin": b"w" * 100, "timings.json": b"[1]\n"}


def made(
    store: Store,
    name: str = "a",
    files: dict[str, bytes] | None = None,
    kind: str = "prepare",
    inputs: dict[str, str] | None = None,
) -> Path:
    """Publishes a stage of these files."""
    with store.begin(key(name), kind) as attempt:
        for file, content in (files or FILES).items():
            (attempt.folder / file).parent.mkdir(parents=True, exist_ok=True)
            (attempt.folder / file).write_bytes(content)
        said = receipt(name).as_dict()
        return attempt.publish(Receipt(**{**said, "kind": kind, "inputs": inputs}))


def edit(path: Path, content: bytes, *, keep_time: bool = False) -> None:
    """Overwrites a published file in place, as an editor does; ``keep_time`` puts its modification time back."""
    status = path.stat()
    path.chmod(0o644)
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def older(folder: Path) -> None:
    """Makes the receipt one of a version that knew no digests."""
    path = folder / FILE
    said = json.loads(path.read_text(encoding="utf-8"))
    path.chmod(0o644)
    path.write_text(
        json.dumps({name: value for name, value in said.items() if name not in ("files", "inputs")}), encoding="utf-8"
    )


def test_42_receipts_hold_size_and_sha256_of_every_file_but_their_own(store: Store) -> None:
    folder = made(store)
    found = json.loads((folder / FILE).read_text(encoding="utf-8"))["files"]
    assert {name: (entry["bytes"], entry["sha256"]) for name, entry in found.items()} == {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in FILES.items()
    }
    assert {name: entry["mtime_ns"] for name, entry in found.items()} == {
        name: (folder / name).stat().st_mtime_ns for name in FILES
    }
    assert store.find(key("a")) == folder and store.damage(key("a")) is None


CHANGES = {
    "edited": (lambda path: edit(path, b'{"a": 2}\n'), "scores.json is not what was written"),
    "edited, time put back": (
        lambda path: edit(path, b'{"a": 2}\n', keep_time=True),
        "scores.json is not what was written",
    ),
    "longer": (lambda path: edit(path, b'{"a": 1}\n\n'), "scores.json has 10 bytes and was written with 9"),
    "cut": (lambda path: edit(path, b"{"), "scores.json has 1 bytes"),
    "deleted": (lambda path: path.unlink(), "scores.json is missing"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "scores.json"),
}


@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES)
def test_42_a_changed_file_is_found(store: Store, change, said: str) -> None:
    folder = made(store)
    change(folder / "scores.json")
    assert said in store.damage(key("a"))
    assert store.find(key("a")) is None
    assert store.published(key("a")) == folder, "its receipt still says that it was finished"


def test_42_a_file_that_this_process_has_read_is_looked_at_again_when_it_changes(store: Store) -> None:
    folder = made(store)
    assert store.damage(key("a")) is None
    edit(folder / "scores.json", b'{"a": 2}\n', keep_time=True)
    assert "scores.json" in store.damage(key("a"))
    edit(folder / "scores.json", FILES["scores.json"])
    assert store.damage(key("a")) is None, "another time alone is no damage"


def test_small_files_are_hashed_once_and_weights_only_where_their_time_differs(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cost of the rule: a worker that starts must not read many GB of weights again."""
    monkeypatch.setattr(digests, "SMALL_BYTES", 50)
    folder = made(store)
    read: list[str] = []
    real = digests.file_digest
    monkeypatch.setattr(digests, "file_digest", lambda path: (read.append(path.name), real(path))[1])
    for _ in range(3):
        assert store.find(key("a")) == folder
    assert sorted(read) == ["scores.json", "timings.json"]
    os.utime(folder / "deep" / "weights.bin", ns=(1, 1))
    for _ in range(3):
        assert store.find(key("a")) == folder
    assert read.count("weights.bin") == 1
    edit(folder / "deep" / "weights.bin", b"v" * 100)
    assert "weights.bin" in store.damage(key("a"))
    edit(folder / "deep" / "weights.bin", b"w" * 99, keep_time=True)
    assert "has 99 bytes" in store.damage(key("a"))


def test_a_thorough_look_trusts_no_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "SMALL_BYTES", 50)
    folder = made(store)
    edit(folder / "deep" / "weights.bin", b"v" * 100, keep_time=True)
    assert store.damage(key("a")) is None
    assert "weights.bin is not what was written" in store.damage(key("a"), thorough=True)


def test_a_receipt_without_digests_stays_valid_while_its_files_can_be_read(store: Store) -> None:
    folder = made(store)
    older(folder)
    assert store.receipt(key("a")).files is None and store.content(key("a")) is None
    assert store.find(key("a")) == folder
    edit(folder / "scores.json", b'{"a": 2}\n')
    assert store.find(key("a")) == folder, "nothing says what it was"
    edit(folder / "scores.json", b"{")
    assert store.damage(key("a")) == "scores.json cannot be read"


@pytest.mark.parametrize(
    ("name", "content"), [("statistics.npz", b"no archive"), ("scores.json", None), ("statistics.npz", None)]
)
def test_a_stage_without_digests_that_lacks_what_its_kind_needs_is_damaged(
    store: Store, name: str, content: bytes | None
) -> None:
    archive = b"PK\x05\x06" + b"\0" * 18  # an empty zip archive
    folder = made(store, files={"stage.json": b"{}", "scores.json": b"{}", "statistics.npz": archive}, kind="score")
    older(folder)
    assert store.damage(key("a")) is None
    (folder / name).unlink() if content is None else edit(folder / name, content)
    assert store.damage(key("a")) == f"{name} {'is missing' if content is None else 'cannot be read'}"


@pytest.mark.parametrize(
    "files",
    [
        [],
        {"../other": {"bytes": 1, "sha256": "", "mtime_ns": 1}},
        {"a": 1},
        {"a": {"bytes": "1"}},
        {"/etc/passwd": {"bytes": 1, "sha256": "", "mtime_ns": 1}},
    ],
)
def test_a_receipt_whose_list_is_none_is_damaged(store: Store, files: object) -> None:
    folder = made(store)
    said = json.loads((folder / FILE).read_text(encoding="utf-8"))
    (folder / FILE).chmod(0o644)
    (folder / FILE).write_text(json.dumps({**said, "files": files}), encoding="utf-8")
    assert store.damage(key("a")) == "receipt.json does not list its files"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_no_damage(store: Store) -> None:
    folder = made(store)
    (folder / "scores.json").chmod(0)
    with pytest.raises(FtbenchError, match=r"scores\.json: cannot be read \(Permission denied\)"):
        store.find(key("a"))


def test_a_failed_receipt_that_is_cut_off_is_passed_over(store: Store) -> None:
    path = store.record_failure(receipt("a", state="failed", error="no"))
    path.with_name("20200101T000000.000000Z.json").write_text("{", encoding="utf-8")
    assert [one.error for one in store.attempts(key("a"))] == ["no"]


def test_what_descendants_compare_leaves_out_what_holds_times(store: Store) -> None:
    made(store, "a")
    made(store, "b", {**FILES, "timings.json": b"[2]\n"})
    made(store, "c", {**FILES, "scores.json": b'{"a": 2}\n'})
    assert store.content(key("a")) == store.content(key("b")) != store.content(key("c"))
    assert len(store.content(key("a"))) == 64


def test_42_a_stage_made_from_other_bytes_is_not_kept(store: Store) -> None:
    made(store, "input")
    made(store, "reader", inputs={"data": store.content(key("input"))})
    made(store, "unknown", inputs={})
    inputs = {"data": key("input")}
    assert store.kept(key("reader"), inputs) and store.kept(key("unknown"), inputs)
    edit(store.folder(key("input")) / "scores.json", b'{"a": 2}\n')
    assert store.kept(key("reader"), inputs), "it was not made from those"
    with store.begin(key("input"), "prepare") as attempt:
        for name, content in {**FILES, "scores.json": b'{"a": 3}\n'}.items():
            (attempt.folder / name).parent.mkdir(exist_ok=True)
            (attempt.folder / name).write_bytes(content)
        attempt.publish(receipt("input"))
    assert store.changed(key("reader"), inputs) == ["data"]
    assert store.kept(key("reader"), inputs) is None and store.find(key("reader"))
    assert store.kept(key("unknown"), inputs), "what nobody recorded counts as unchanged"


def test_42_a_damaged_stage_is_set_aside_with_a_line_and_made_again(store: Store) -> None:
    folder = made(store)
    edit(folder / "scores.json", b"{")
    said: list[str] = []
    with store.begin(key("a"), "prepare", on_notice=said.append) as attempt:
        assert attempt.found is None and not folder.exists()
        (attempt.folder / "scores.json").write_bytes(FILES["scores.json"])
        attempt.publish(receipt("a"))
    (place,) = store.aside()
    assert (place / "scores.json").read_bytes() == b"{" and (place / "deep" / "weights.bin").read_bytes() == FILES[
        "deep/weights.bin"
    ]
    assert said == [
        f"prepare {key('a')[:12]}: scores.json has 1 bytes and was written with 9; set aside in {place}, and made again"
    ]
    assert store.find(key("a")) == folder


def test_who_waited_while_another_made_it_again_sets_nothing_aside(store: Store) -> None:
    """The second look, under the lock: what this process found damaged before is whole by now."""
    folder = made(store)
    edit(folder / "scores.json", b"{")
    assert store.damage(key("a"))
    pid = os.fork()
    if pid == 0:
        with Store(store.path).begin(key("a"), "prepare") as attempt:
            (attempt.folder / "scores.json").write_bytes(FILES["scores.json"])
            attempt.publish(receipt("a"))
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    with store.begin(key("a"), "prepare") as attempt:
        assert attempt.found == folder
    assert len(store.aside()) == 1


def test_a_stage_behind_a_link_is_verified_and_not_moved(store: Store, tmp_path: Path) -> None:
    folder = made(store)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert store.find(key("a")) == folder
    edit(folder / "scores.json", b"{")
    with pytest.raises(FtbenchError, match="is a link"), store.begin(key("a"), "prepare"):
        pytest.fail("begun")
    assert (tmp_path / "elsewhere" / "scores.json").read_bytes() == b"{"


def test_a_store_that_was_copied_without_its_times_is_whole(store: Store, tmp_path: Path) -> None:
    publish(store, "a")
    (tmp_path / "link").symlink_to(store.path)
    for path in store.path.rglob("*.txt"):
        os.utime(path, ns=(5, 5))
    assert Store(tmp_path / "link").find(key("a")) and store.find(key("a"))
