"""The likelihood stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ftbench.compile.option import shipped as component
from ftbench.core.files import read_jsonl
from ftbench.models.resident import Resident
from tests.models.llama import example, examples
from tests.stages.jobs import prepare, work


def test_21_rows_hold_likelihoods_or_null_with_a_reason(chat_folder: Path, tmp_path: Path) -> None:
    test = [
        replace(example("a", "q?", "grün", "g"), slices={"kind": "colour"}),
        example("b", "q?", "y" * 300),
        replace(example("c", "q?", None), references=("first", "second")),
        example("d", "q?", "first"),
    ]
    prepared = prepare(tmp_path / "in", examples(5), test)
    outcome = work(
        "likelihood",
        tmp_path / "out",
        Resident("cpu"),
        {"prepare": prepared},
        model=component("model", "hf", name_or_path=str(chat_folder)),
        method=component("method", "none"),
        context=component("context", "zero_shot"),
    )
    rows = list(read_jsonl(tmp_path / "out" / "likelihood.jsonl"))
    assert all(
        list(row) == ["id", "group", "slices", "nll", "tokens", "correct", "bytes", "nll_end", "error"] for row in rows
    )
    assert [row["id"] for row in rows] == ["a", "b", "c", "d"]
    assert rows[0]["bytes"] == 5 and rows[0]["group"] == "g" and rows[0]["slices"] == {"kind": "colour"}
    assert rows[1]["nll"] is None and rows[1]["nll_end"] is None and "do not fit" in rows[1]["error"]
    assert abs(rows[2]["nll"] - rows[3]["nll"]) < 1e-4 and rows[2]["tokens"] == rows[3]["tokens"] == 5, (
        "the first reference stands for a missing target"
    )
    assert outcome.details["rows"] == 4 and outcome.details["failed"] == 1
    assert outcome.tokens["target"] == sum(row["tokens"] for row in rows if row["nll"] is not None)
