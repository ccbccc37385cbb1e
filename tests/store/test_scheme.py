"""A store of before keys changed their form: said once, with what removes it, which takes nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftbench.cli.gc import main
from ftbench.core.stage import RECORD, SCHEME
from ftbench.store.scheme import FILE, earlier_line
from ftbench.store.store import Store
from tests.store.conftest import key, receipt


def _stage(store: Store, name: str, scheme: int | None) -> Path:
    """Publishes a stage whose record names a scheme, or none, as the first one did."""
    with store.begin(key(name), "prepare") as attempt:
        record = {"key": key(name), "kind": "prepare", "version": 1, "spec": {}, "inputs": {}}
        said = record if scheme is None else {**record, "scheme": scheme}
        (attempt.folder / RECORD).write_text(json.dumps(said), encoding="utf-8")
        return attempt.publish(receipt(name))


def test_stages_of_an_earlier_scheme_are_counted_once_and_removed_by_what_the_line_says(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = _stage(store, "old", None), _stage(store, "new", SCHEME)
    line = earlier_line(store)
    assert line is not None and line.startswith("1 finished stage of an earlier key scheme is no longer found")
    assert earlier_line(store) is None and (store.path / FILE).read_text(encoding="utf-8") == f"{SCHEME}\n"
    words = line.partition("python -m ftbench gc ")[2].split()
    assert main(words) == 0 and not old.exists() and new.exists()
    assert "removed 1 things" in capsys.readouterr().out


def test_a_store_of_this_version_says_nothing(store: Store) -> None:
    _stage(store, "new", SCHEME)
    assert earlier_line(store) is None
    assert earlier_line(Store(store.path.parent / "another")) is None
