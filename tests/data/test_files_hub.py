"""Hub names: pinned to a commit before anything is planned, read from that commit and no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftbench.core.errors import Refused
from ftbench.data import hub
from ftbench.data.files import Files

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40
FIELDS: dict[str, Any] = {"prompt": "{q}", "target": "{a}"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache as the hub's client leaves it, with one small data set, and no way out to the hub."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "_commits", {})
    home = tmp_path / "datasets--somebody--things"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    for commit, answer in ((COMMIT, "right"), (OTHER, "wrong")):
        snapshot = home / "snapshots" / commit
        snapshot.mkdir(parents=True)
        for split, count in (("train", 20), ("test", 4)):
            rows = [{"q": f"{split} {index}", "a": answer} for index in range(count)]
            (snapshot / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return tmp_path


def test_38_a_hub_name_is_its_commit(make_files: Callable[..., Files], cache: Path) -> None:
    by_name = make_files(train="somebody/things", **FIELDS)
    assert by_name.identity()["train"] == {"hub": "somebody/things", "config": None, "split": "train", "commit": COMMIT}
    assert (
        by_name.resolve().train == f"somebody/things::train@{COMMIT}"
        and by_name.resolve().identity() == by_name.identity()
    )
    assert not by_name.inspectable()
    assert make_files(train=f"somebody/things@{OTHER}", **FIELDS).identity()["train"]["commit"] == OTHER
    assert make_files(train="somebody/things:main:test", **FIELDS).identity()["train"]["split"] == "test"


@pytest.mark.parametrize("name", ["nobody/nothing", "somebody/things@a-branch"])
def test_what_cannot_be_pinned_is_refused(make_files: Callable[..., Files], cache: Path, name: str) -> None:
    with pytest.raises(Refused) as caught:
        make_files(train=name, **FIELDS).identity()
    (problem,) = caught.value.problems
    assert (
        problem.where == "dataset.train" and "hub cannot be reached" in problem.why and "name the commit" in problem.fix
    )


@pytest.mark.slow
@pytest.mark.parametrize(("revision", "answer"), [("", "right"), (f"@{OTHER}", "wrong")])
def test_38_rows_come_from_the_pinned_commit(
    make_files: Callable[..., Files], cache: Path, monkeypatch: pytest.MonkeyPatch, revision: str, answer: str
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache / "prepared")
    splits = make_files(train="somebody/things" + revision, test="somebody/things" + revision, **FIELDS).load()
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (18, 2, 4)
    assert {row.target for row in (*splits.train, *splits.test)} == {answer} and splits.test[0].turns[
        0
    ].content == "test 0"


@pytest.mark.slow
def test_a_split_that_is_not_there_is_refused(
    make_files: Callable[..., Files], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache / "prepared")
    with pytest.raises(Refused, match="no readable split 'validation'"):
        make_files(train="somebody/things", validation="somebody/things", **FIELDS).load()
    with pytest.raises(Refused, match="not in the cache"):
        make_files(train=f"somebody/things@{'a' * 40}", **FIELDS).load()
