"""``python -m ftbench verify``: what it prints, what it moves, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftbench.cli.main import main
from ftbench.core.receipt import FILE
from ftbench.store.store import Store
from tests.store.conftest import key, publish
from tests.store.test_digests import edit, made, older
from tests.store.test_gc import sweep
from tests.store.test_store import HOLD, child


@pytest.fixture
def damaged(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store of four stages, two of them damaged, one of those without its receipt; a sweep names the first."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c", "d"):
        made(store, name)
    edit(store.folder(key("a")) / "deep" / "weights.bin", b"v" * 100, keep_time=True)
    (store.folder(key("b")) / FILE).unlink()
    older(store.folder(key("c")))
    sweep(tmp_path / "multirun" / "day" / "time", "a")
    return store


def verify(store: Path, *words: str) -> int:
    return main(["verify", "--store", str(store), *words])


def test_42_verify_names_what_is_damaged_and_changes_nothing(
    damaged: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(damaged.path) == 1
    out = capsys.readouterr().out
    assert f"damaged  {key('a')[:12]}  stage       deep/weights.bin is not what was written (its sha256 differs)" in out
    assert f"damaged  {key('b')[:12]}  stage       receipt.json is missing, cut off or not its own" in out
    assert "4 stages, " in out and ": 2 sound, 2 damaged" in out
    assert "1 are of an earlier version and hold no digests" in out
    assert "multirun/day/time: needs 1 of them; repeat its command, which makes them again" in out
    assert "--repair sets them aside now" in out
    assert damaged.folder(key("a")).is_dir() and damaged.aside() == []


def test_a_sound_store_ends_with_0(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    publish(store, "a")
    assert verify(store.path) == 0
    assert capsys.readouterr().out.startswith("1 stages, ")


def test_42_repair_sets_aside_and_deletes_nothing(damaged: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(damaged.path, "--repair") == 0
    assert capsys.readouterr().out.count("aside    ") == 2
    assert {place.parent.name for place in damaged.aside()} == {key("a"), key("b")}
    assert sorted(path.name for path in damaged.damaged.rglob("*.*") if path.is_file()) == sorted(
        [*["scores.json", "weights.bin", "timings.json"] * 2, FILE]
    )
    assert sorted(damaged.keys(every=True)) == sorted((key("c"), key("d")))
    assert verify(damaged.path) == 0


def test_repair_leaves_what_another_process_works_on(damaged: Store, capsys: pytest.CaptureFixture[str]) -> None:
    (damaged.folder(key("a")) / FILE).unlink()
    script = HOLD.replace('begin(sys.argv[2], "prepare")', 'begin(sys.argv[2], "prepare", again=True)')
    holder = child(script, str(damaged.path), key("a"))
    assert holder.stdout.readline() == "holding\n"
    assert verify(damaged.path, "--repair") == 1
    holder.kill()
    holder.communicate()
    out = capsys.readouterr().out
    assert (
        f"stays    {key('a')[:12]}  stage       another process works on it" in out
        and "1 could not be set aside" in out
    )
    assert damaged.folder(key("a")).is_dir()
    assert verify(damaged.path, "--repair") == 0


def test_repair_moves_nothing_behind_a_link(damaged: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = damaged.folder(key("a"))
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert verify(damaged.path, "--repair") == 1
    assert "is a link" in capsys.readouterr().out
    assert (tmp_path / "elsewhere" / "deep" / "weights.bin").read_bytes() == b"v" * 100 and folder.is_symlink()


def test_a_store_that_is_a_link_is_checked(damaged: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "link").symlink_to(damaged.path)
    assert verify(tmp_path / "link", "--repair") == 0
    assert capsys.readouterr().out.count("aside    ") == 2 and verify(damaged.path) == 0


def test_what_was_made_from_other_bytes_is_said_and_is_no_damage(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    made(store, "input")
    record = json.dumps({"kind": "score", "inputs": {"data": key("input")}}).encode()
    made(store, "reader", {"stage.json": record}, inputs={"data": "0" * 64})
    assert verify(store.path) == 0
    assert (
        f"changed  {key('reader')[:12]}  score       was made from other bytes of its input data"
        in capsys.readouterr().out
    )


def test_a_store_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(tmp_path / "none") == 1
    assert capsys.readouterr().err.endswith("none: no such folder. Name the store.dir of your runs\n")
