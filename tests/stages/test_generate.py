"""The generate stage: one row per example, in order, with what was sent."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from ftbench.compile.option import shipped as component
from ftbench.core.example import Turn
from ftbench.core.files import read_jsonl
from ftbench.models.resident import Resident
from tests.models.llama import example, examples
from tests.stages.jobs import prepare, published, work


def generated(prepared: Path, model_folder: Path, folder: Path, context: str = "zero_shot", **decoding: object):
    return work(
        "generate",
        folder,
        Resident("cpu"),
        {"prepare": prepared},
        model=component("model", "hf", name_or_path=str(model_folder)),
        method=component("method", "none"),
        context=component("context", context),
        decoding=component("decoding", "greedy", **{"max_new_tokens": 6, "latency_requests": 2, **decoding}),
    )


def test_15_rows_that_fail_stay_in_place_and_in_n(chat_folder: Path, tmp_path: Path) -> None:
    odd = replace(example("odd", "?", "a"), turns=(Turn("tool", "x"), Turn("user", "hi")))
    prepared = prepare(
        tmp_path / "in", examples(5), [example("a", "short?", "yes", "g"), example("b", "y" * 300, "no"), odd]
    )
    template = tmp_path / "strict.jinja"
    template.write_text(
        "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tool') }}{% endif %}<s>[{{ m.content"
        " }}]{% endfor %}"
    )
    outcome = work(
        "generate",
        tmp_path / "out",
        Resident("cpu"),
        {"prepare": prepared},
        model=component("model", "hf", name_or_path=str(chat_folder), chat_template=str(template)),
        method=component("method", "none"),
        context=component("context", "zero_shot"),
        decoding=component("decoding", "greedy", max_new_tokens=6),
    )
    rows = list(read_jsonl(tmp_path / "out" / "outputs.jsonl"))
    assert [row["id"] for row in rows] == ["a", "b", "odd"]
    assert [row["finish"] == "error" for row in rows] == [False, True, True]
    assert [row["output"] for row in rows[1:]] == ["", ""]
    assert "does not fit" in rows[1]["error"] and "refuses these turns" in rows[2]["error"] and rows[0]["error"] is None
    assert outcome.details["rows"] == 3 and outcome.details["failed"] == 2


def test_rows_hold_what_the_contract_names(chat_folder: Path, tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "in", examples(5), [example("a", "short?", "yes", "g")])
    outcome = generated(prepared, chat_folder, tmp_path / "out", "few_shot")
    (row,) = read_jsonl(tmp_path / "out" / "outputs.jsonl")
    assert list(row) == [
        *("id", "prompt", "output", "finish", "error", "references", "group", "slices"),
        *("prompt_tokens", "completion_tokens", "shots", "documents", "gold_documents", "notes"),
    ]
    assert row["prompt"].endswith("<|user|>short?<|end|><|assistant|>") and row["prompt"].count("<|assistant|>") == 5
    assert len(row["shots"]) == 4 and row["references"] == ["yes"] and row["group"] == "g"
    assert outcome.tokens == {
        "prompt": row["prompt_tokens"],
        "completion": row["completion_tokens"],
        "prompt_added": row["notes"]["added_tokens"],
    }
    assert 0 < row["notes"]["added_tokens"] < row["prompt_tokens"] and row["notes"]["cut"] == {
        "passages": 0,
        "shots": 0,
    }
    timings = json.loads((tmp_path / "out" / "timings.json").read_text(encoding="utf-8"))
    assert set(timings) == {"batch_seconds", "requests", "completion_tokens", "latency_seconds", "first_token_seconds"}
    assert timings["requests"] == 1 and len(timings["latency_seconds"]) == 1


def test_13_the_share_that_hit_the_cap_is_reported(chat_folder: Path, tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "in", examples(5), examples(3))
    outcome = generated(prepared, chat_folder, tmp_path / "out", max_new_tokens=1)
    finishes = [row["finish"] for row in read_jsonl(tmp_path / "out" / "outputs.jsonl")]
    assert outcome.details["length_capped_share"] == finishes.count("length") / 3 > 0


def test_12_the_batch_size_changes_no_byte(chat_folder: Path, tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "in", examples(5), examples(7))
    for size in (1, 3, 16):
        generated(prepared, chat_folder, tmp_path / str(size), batch_size=size)
    assert published(tmp_path / "1") == published(tmp_path / "3") == published(tmp_path / "16")
