"""Preference rows for DPO: what people preferred, never from the examples that rank the cells."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ftbench.cli.main import main
from ftbench.core.component import build
from tests.conftest import ROOT
from tests.review.conftest import Sweep, rows_of, truth, write_rows

TUNED = "0000000002"


def reviewed(sweep: Sweep, tmp_path: Path, split: str) -> None:
    out = sweep.make(tmp_path / f"out-{split}", "--split", split, "--n", "12", "--raters", "1", "--repeat-share", "0")
    rows = rows_of(out / "rater-1.csv")
    from ftbench.review.key import read_keys

    key = next(key for key in read_keys(sweep.folder) if key.split == split)
    for row in rows:
        row["overall"] = truth(key, row["item"], TUNED)
    assert sweep.take(write_rows(out / "rater-1.csv", rows)) == 0


def test_29_test_examples_are_refused(sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Mistake 29: verdicts on the test split rank the cells, and training on them would make the ranking worthless."""
    reviewed(sweep, tmp_path, "test")
    for words in ([], ["--split", "test"]):
        assert main(["review", "pairs", str(sweep.folder), "--out", str(tmp_path / "pairs.jsonl"), *words]) == 1
        assert "--split validation" in capsys.readouterr().err
    assert not (tmp_path / "pairs.jsonl").exists()


def test_29_an_example_that_shares_prompt_or_group_with_the_test_split_is_left_out(
    sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Mistake 29: an example of the validation split that is also a test example, or of its group, is evaluation all
    the same.
    """
    own = sweep.examples["validation"]
    own[1] = replace(own[1], group="g0")
    own[2] = replace(own[2], turns=sweep.examples["test"][3].turns)
    sweep.folder.joinpath("plan.json").unlink()
    sweep.store.path.rename(tmp_path / "other-store")
    sweep.write()
    reviewed(sweep, tmp_path, "validation")
    out = tmp_path / "pairs.jsonl"
    capsys.readouterr()
    assert main(["review", "pairs", str(sweep.folder), "--out", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert rows and not {"exa-v1", "exa-v2"} & {row["id"].split(":")[0] for row in rows}
    assert "in the test split too" in capsys.readouterr().out


def test_pairs_are_what_people_preferred_and_dpo_reads_them(
    sweep: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    reviewed(sweep, tmp_path, "validation")
    out = tmp_path / "pairs.jsonl"
    assert main(["review", "pairs", str(sweep.folder), "--out", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        example = row["id"].split(":")[0]
        assert row["chosen"] == sweep.answers["tuned"]["validation"][example] and row["rejected"] != row["chosen"]
    assert "dataset.chosen=chosen" in capsys.readouterr().out
    train = tmp_path / "train.jsonl"
    train.write_text(
        "".join(json.dumps({"prompt": f"q{n}", "answer": f"a{n}"}) + "\n" for n in range(30)), encoding="utf-8"
    )
    import yaml

    node = yaml.safe_load((ROOT / "conf" / "dataset" / "files.yaml").read_text(encoding="utf-8"))
    node |= {
        "train": str(train),
        "prompt": "{prompt}",
        "target": "{answer}",
        "preferences": str(out),
        "chosen": "chosen",
        "rejected": "rejected",
    }
    read = [example for example in build(node, "dataset").load().train if example.chosen is not None]
    assert {(example.chosen, example.rejected) for example in read} == {
        (row["chosen"], row["rejected"]) for row in rows
    }
    assert main(["review", "pairs", str(sweep.folder), "--out", str(out)]) == 1, (
        "a file that is there is not overwritten"
    )
