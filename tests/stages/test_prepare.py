"""The prepare stage: the files that other stages read, with the same bytes for the same spec."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml

from ftbench.core.component import build, node
from ftbench.core.errors import FtbenchError
from ftbench.core.example import read_examples
from ftbench.core.job import Job
from ftbench.core.shipped import CONF
from ftbench.core.stage import Stage
from ftbench.stages import prepare


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    """Returns ``job(name, **fields)``: a prepare job over a small file, lowered as the compiler lowers it."""
    source = tmp_path / "rows.jsonl"
    source.write_text(
        "".join(json.dumps({"q": f"q\u2028{index}", "a": f"é{index}", "d": index % 9}) + "\n" for index in range(40)),
        encoding="utf-8",
    )

    def made(name: str, data: Path = source, **fields: Any) -> Job:
        values = yaml.safe_load((CONF / "dataset" / "files.yaml").read_text(encoding="utf-8"))
        values |= {"train": str(data), "prompt": "{q}", "target": "{a}", "group": "d", **fields}
        dataset = build(values, "dataset").resolve()
        folder = tmp_path / name
        folder.mkdir()
        stage = Stage("prepare", {"dataset": dataset.identity()}, {}, {"dataset": node(dataset)})
        return Job(stage, {}, folder, None, lambda _: nullcontext(), lambda done, total: None)

    return made


def test_the_folder_holds_every_row_once(job: Callable[..., Job]) -> None:
    work = job("one")
    outcome = prepare.run(work)
    assert {path.name for path in work.folder.iterdir()} == {
        "train.jsonl",
        "validation.jsonl",
        "test.jsonl",
        "summary.json",
    }
    rows = [row for name in ("train", "validation", "test") for row in read_examples(work.folder / f"{name}.jsonl")]
    assert {row.target for row in rows} == {f"é{index}" for index in range(40)} and len(rows) == 40
    summary = json.loads((work.folder / "summary.json").read_text(encoding="utf-8"))
    assert (
        summary == outcome.details and summary["counts"]["train_read"] == 40 and "by group 'd'" in summary["notes"][0]
    )
    assert outcome.provenance["dataset"] == work.stage.spec["dataset"] and len(outcome.provenance["data"]) == 64


def test_38_same_spec_same_bytes_wherever_the_data_lies(job: Callable[..., Job], tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.jsonl"
    moved.write_bytes((tmp_path / "rows.jsonl").read_bytes())
    one, other = job("one"), job("other", data=moved)
    assert one.stage.key == other.stage.key
    assert prepare.run(one) == prepare.run(other)
    for path in one.folder.iterdir():
        assert path.read_bytes() == (other.folder / path.name).read_bytes()


def test_38_data_that_changed_after_planning_is_refused(job: Callable[..., Job], tmp_path: Path) -> None:
    work = job("one")
    source = tmp_path / "rows.jsonl"
    source.write_bytes(source.read_bytes().replace(b'"q\\u20281"', b'"Q\\u20281"'))
    os.utime(source, ns=(1, 1))
    with pytest.raises(FtbenchError, match="not what it was when the plan was made"):
        prepare.run(work)
    assert not list(work.folder.iterdir())


def test_other_rows_have_another_fingerprint(job: Callable[..., Job]) -> None:
    one, other = (
        prepare.run(job("one")),
        prepare.run(job("other", limit={"train": 3, "validation": None, "test": None})),
    )
    assert one.provenance["data"] != other.provenance["data"] and other.details["counts"]["train"] == 3
