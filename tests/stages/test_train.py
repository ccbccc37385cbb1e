"""The train stage, and that no stage leaves a trace for the next."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ftbench.compile.option import shipped as component
from ftbench.models.resident import Resident
from tests.methods.test_lora import lora
from tests.models.llama import examples
from tests.stages.jobs import prepare, published, work


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    rows = examples(16)
    return prepare(tmp_path / "prepare", rows[:12], rows[12:])


def test_the_train_stage_writes_what_the_contract_names(prepared: Path, chat_folder: Path, tmp_path: Path) -> None:
    model, method = component("model", "hf", name_or_path=str(chat_folder)), lora()
    outcome = work("train", tmp_path / "out", Resident("cpu"), {"prepare": prepared}, model=model, method=method)
    assert set(published(tmp_path / "out")) == {
        "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
        "curve.jsonl",
        "findings.json",
        "masked_example.json",
        "rows.json",
    }
    assert set(outcome.tokens) == {"supervised", "non_pad", "padded"} and outcome.details["trained"] == 12
    assert outcome.tokens["supervised"] < outcome.tokens["non_pad"] <= outcome.tokens["padded"]
    assert outcome.provenance["dtype"] == "float32" and len(outcome.provenance["chat_template"]) == 64


def test_any_order_of_stages_in_one_worker_gives_the_bytes_of_a_fresh_one(
    prepared: Path, chat_folder: Path, plain_folder: Path, tmp_path: Path
) -> None:
    model, other = (component("model", "hf", name_or_path=str(folder)) for folder in (chat_folder, plain_folder))
    decoding = component("decoding", "greedy", max_new_tokens=8, latency_requests=1)
    zero, few, none = (
        component("context", "zero_shot"),
        component("context", "few_shot", k=2),
        component("method", "none"),
    )
    weights = tmp_path / "weights"
    work("train", weights, Resident("cpu"), {"prepare": prepared}, model=model, method=lora())
    alone, tuned = {"prepare": prepared}, {"prepare": prepared, "weights": weights}
    jobs = {
        "train": ("train", alone, {"model": model, "method": lora()}),
        "train other": ("train", alone, {"model": other, "method": lora(rank=2)}),
        "base": ("generate", alone, {"model": model, "method": none, "context": few, "decoding": decoding}),
        "tuned": ("generate", tuned, {"model": model, "method": lora(), "context": zero, "decoding": decoding}),
        "other": ("generate", alone, {"model": other, "method": none, "context": few, "decoding": decoding}),
        "likelihood": ("likelihood", alone, {"model": model, "method": none, "context": zero}),
        "tuned likelihood": ("likelihood", tuned, {"model": model, "method": lora(), "context": zero}),
    }
    fresh = {}
    for name, (kind, inputs, parts) in jobs.items():
        work(kind, tmp_path / "fresh" / name, Resident("cpu"), inputs, **parts)
        fresh[name] = published(tmp_path / "fresh" / name)
    order = [
        "train",
        "base",
        "tuned",
        "train other",
        "likelihood",
        "train",
        "tuned likelihood",
        "base",
        "other",
        "tuned",
        "likelihood",
    ]
    resident = Resident("cpu")
    for turn, names in enumerate((order, order[::-1])):
        for position, name in enumerate(names):
            kind, inputs, parts = jobs[name]
            torch.rand(position + 1)
            folder = tmp_path / f"turn{turn}" / str(position)
            work(kind, folder, resident, inputs, **parts)
            assert published(folder) == fresh[name], f"{name} at place {position} of turn {turn}"
