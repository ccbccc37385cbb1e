"""Full fine-tuning: it learns, it ships a standard folder with the same bytes every time, and the next stage finds the
base as it was.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from ftbench.compile.option import shipped as component
from ftbench.core.errors import FtbenchError
from ftbench.core.training import TrainRun
from ftbench.methods.tuning import Tuning
from ftbench.models.generate import generate
from ftbench.models.resident import Resident
from tests.methods.test_lora import trained
from tests.models.llama import examples


def full(**values: object) -> Tuning:
    return component(
        "method", "full", **{"learning_rate": 3e-3, "epochs": 1.0, "batch_size": 4, "warmup": 0.0, **values}
    )


def state(loaded) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in loaded.model.state_dict().items()}


@pytest.fixture
def resident() -> Resident:
    return Resident("cpu")


def test_a_full_model_answers_as_taught_and_the_base_comes_back(
    resident: Resident, chat_folder: Path, tmp_path: Path
) -> None:
    """Training, and lending what it made, write into the base; whoever asks the resident next gets the base of
    before.
    """
    model = component("model", "hf", name_or_path=str(chat_folder))
    base = resident.get(model)
    before, requests = state(base), [base.format.encode(one.turns) for one in examples(3)]
    decoding = component("decoding", "greedy", max_new_tokens=16)
    said = generate(base, requests, decoding, 0)
    method = full(epochs=30.0)
    trained(method, base, tmp_path)
    again = resident.get(model)
    assert again is not base and all(
        torch.equal(value, before[name]) for name, value in again.model.state_dict().items()
    )
    with method.attach(again, tmp_path) as tuned:
        assert [answer.text for answer in generate(tuned, requests, decoding, 0)] == [one.target for one in examples(3)]
    last = resident.get(model)
    assert all(torch.equal(value, before[name]) for name, value in last.model.state_dict().items())
    assert generate(last, requests, decoding, 0) == said
    assert resident.get(model) is last


def test_the_folder_is_a_transformers_model_in_the_dtype_of_the_base(chat_folder: Path, tmp_path: Path) -> None:
    base = component("model", "hf", name_or_path=str(chat_folder), dtype="bfloat16").load("cpu")
    trained(full(), base, tmp_path)
    folder = tmp_path / "model"
    weights = load_file(folder / "model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.bfloat16}
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["dtype"] == "bfloat16"
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    asked = [{"role": "user", "content": "colour?"}]
    assert tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True) == base.format.text(
        examples(1)[0].turns
    ).replace(examples(1)[0].turns[0].content, "colour?")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    original = json.loads((chat_folder / "config.json").read_text(encoding="utf-8"))
    assert {name: config.get(name) for name in original if name != "dtype"} == {
        name: value for name, value in original.items() if name != "dtype"
    }
    assert model.config.tie_word_embeddings and model.dtype == torch.bfloat16


def test_float32_masters_keep_steps_that_bfloat16_rounds_away(chat_folder: Path, tmp_path: Path) -> None:
    model = component("model", "hf", name_or_path=str(chat_folder), dtype="bfloat16")
    moved = {}
    for master in ("float32", "base"):
        base = model.load("cpu")
        before = state(base)
        trained(
            full(learning_rate=2e-5, epochs=20.0, master_weights=master, schedule="constant"), base, tmp_path / master
        )
        after = load_file(tmp_path / master / "model" / "model.safetensors")
        moved[master] = sum(int((after[name] != before[name]).sum()) for name in after)
    assert moved["float32"] > 1.5 * moved["base"]


def test_the_same_run_writes_the_same_bytes_and_names_no_machine(chat_folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        trained(full(), component("model", "hf", name_or_path=str(chat_folder)).load("cpu"), tmp_path / name, seed=1)
    one, other = (sorted(path for path in (tmp_path / name).rglob("*") if path.is_file()) for name in ("a", "b"))
    assert [path.relative_to(tmp_path / "a") for path in one] == [path.relative_to(tmp_path / "b") for path in other]
    for path, twin in zip(one, other, strict=True):
        assert path.read_bytes() == twin.read_bytes()
        assert str(chat_folder).encode() not in path.read_bytes() and str(tmp_path).encode() not in path.read_bytes()


def test_09_full_and_lora_never_share_a_learning_rate() -> None:
    full_rate, lora_rate = (component("method", name).learning_rate for name in ("full", "lora"))
    assert full_rate * 5 <= lora_rate
    tiny = component("model", "tiny").learning_rates["sft"]
    assert tiny["whole"] < tiny["adapter"]


def test_weights_that_do_not_fit_and_more_than_one_run_are_refused(chat_folder: Path, tmp_path: Path) -> None:
    loaded = component("model", "hf", name_or_path=str(chat_folder)).load("cpu")
    with pytest.raises(FtbenchError, match="one run per base, not 2"):
        full().train([TrainRun(examples(4), 0, tmp_path)] * 2, loaded)
    assert [problem.where for problem in full(master_weights="half").check()] == ["method.master_weights"]
    trained(full(), loaded, tmp_path)
    path = tmp_path / "model" / "model.safetensors"
    from safetensors.torch import save_file

    save_file({name: value for name, value in load_file(path).items() if "norm" not in name}, path)
    with pytest.raises(FtbenchError, match="lacks .*norm"), full().attach(loaded, tmp_path):
        raise AssertionError("unreachable")
