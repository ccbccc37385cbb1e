"""The merge stage: whole weights plus the update, a folder that plain transformers loads, and the distance that is
printed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from ftbench.compile.option import shipped as component
from ftbench.core.errors import FtbenchError
from ftbench.methods.merge import merged
from ftbench.models.resident import Resident
from tests.methods.test_lora import lora
from tests.methods.test_qlora import qlora
from tests.models.llama import examples
from tests.stages.jobs import prepare, published, work

METHODS = {"lora": (lora, None), "qlora": (qlora, "nf4")}


@pytest.fixture(scope="module", params=list(METHODS))
def shipped(request, wide_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """One method trained, merged, and asked with adapter and merged weights, in one worker."""
    folder = tmp_path_factory.mktemp(request.param)
    make, kind = METHODS[request.param]
    method = make(epochs=30.0, dropout=0.0)
    whole, base = (
        component("model", "hf", name_or_path=str(wide_folder), quantization=quantization)
        for quantization in (None, kind)
    )
    prepared = prepare(folder / "prepare", examples(12), examples(8))
    resident = Resident("cpu")
    work("train", folder / "train", resident, {"prepare": prepared}, model=base, method=method)
    inputs = {"prepare": prepared, "weights": folder / "train"}
    outcome = work("merge", folder / "merge", resident, inputs, model=whole, base=base, method=method)
    decoding = component("decoding", "greedy", max_new_tokens=12, latency_requests=0)
    parts = {"method": method, "context": component("context", "zero_shot"), "decoding": decoding}
    work("generate", folder / "adapter", Resident("cpu"), inputs, model=base, **parts)
    work(
        "generate",
        folder / "merged",
        Resident("cpu"),
        {"prepare": prepared, "merged": folder / "merge"},
        model=whole,
        **parts,
    )
    return {
        "name": request.param,
        "folder": folder,
        "outcome": outcome,
        "method": method,
        "whole": whole,
        "base": base,
        "inputs": inputs,
    }


def _update(folder: Path, scaling: float) -> dict[str, torch.Tensor]:
    """Returns module -> B A times alpha / rank, by hand."""
    weights = load_file(folder / "adapter" / "adapter_model.safetensors")
    names = [name.removesuffix(".lora_A.weight") for name in weights if name.endswith(".lora_A.weight")]
    return {
        n.removeprefix("base_model.model."): scaling * weights[f"{n}.lora_B.weight"] @ weights[f"{n}.lora_A.weight"]
        for n in names
    }


def test_22_merged_weights_are_the_whole_base_plus_the_update(shipped: dict, wide_folder: Path) -> None:
    before = load_file(wide_folder / "model.safetensors")
    after = load_file(shipped["folder"] / "merge" / "model" / "model.safetensors")
    update = _update(shipped["folder"] / "train", 8.0 / 4)
    assert set(before) == set(after) and len(update) == 14
    for name, weight in before.items():
        expected = weight + update.get(name.removesuffix(".weight"), 0)
        assert torch.allclose(after[name], expected, atol=1e-5), name
        assert after[name].dtype == weight.dtype


def test_22_the_merged_folder_is_what_is_asked(shipped: dict) -> None:
    """The outputs of the merged cell are those of plain transformers on the folder, and not those of the base."""
    folder = shipped["folder"] / "merge" / "model"
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    rows = [
        json.loads(line)
        for line in (shipped["folder"] / "merged" / "outputs.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    for row in rows:
        ids = tokenizer(row["prompt"], add_special_tokens=False, return_tensors="pt")
        with torch.inference_mode():
            written = model.generate(
                **ids,
                do_sample=False,
                max_new_tokens=12,
                eos_token_id=tokenizer.convert_tokens_to_ids(["<|end|>", "</s>"]),
            )
        assert tokenizer.decode(written[0, ids["input_ids"].shape[1] :], skip_special_tokens=True) == row["output"]
    # It was trained on these; random weights lose more to 4 bits than trained ones, and these are random.
    assert sum(row["output"] in row["references"] for row in rows) >= {"lora": 6, "qlora": 2}[shipped["name"]]
    messages = [{"role": "user", "content": "q"}]
    assert (
        tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        == "<s><|user|>q<|end|><|assistant|>"
    )


def test_22_the_distance_from_the_adapter_is_printed_and_within_the_quantisation_error(shipped: dict) -> None:
    details = shipped["outcome"].details
    found, bases = details["merged_from_adapter"], details["whole_from_quantised_base"]
    assert (
        json.loads((shipped["folder"] / "merge" / "comparison.json").read_text(encoding="utf-8"))["merged_from_adapter"]
        == found
    )
    assert f"{found['equal_answers_share']:.0%} of greedy answers are equal" in details["notes"][0]
    if shipped["name"] == "lora":
        assert bases is None and found["logit_difference_max"] < 1e-3 and found["equal_answers_share"] == 1.0
    else:
        assert 0 < found["logit_difference_mean"] < 2 * bases["logit_difference_mean"]
        assert f"{bases['logit_difference_mean']:.2g}" in details["notes"][0] and "nf4" in details["notes"][0]


def test_merging_again_in_another_worker_gives_the_same_bytes_and_names_no_machine(
    shipped: dict, wide_folder: Path, tmp_path: Path
) -> None:
    resident = Resident("cpu")
    work(
        "likelihood",
        tmp_path / "first",
        resident,
        {"prepare": shipped["inputs"]["prepare"]},
        model=shipped["whole"],
        method=component("method", "none"),
        context=component("context", "zero_shot"),
    )
    work(
        "merge",
        tmp_path / "again",
        resident,
        shipped["inputs"],
        model=shipped["whole"],
        base=shipped["base"],
        method=shipped["method"],
    )
    files = published(shipped["folder"] / "merge")
    assert published(tmp_path / "again") == files
    assert {
        "model/config.json",
        "model/model.safetensors",
        "model/tokenizer.json",
        "model/chat_template.jinja",
        "comparison.json",
    } <= set(files)
    assert not any(
        str(wide_folder).encode() in content or str(tmp_path).encode() in content for content in files.values()
    )


@pytest.mark.parametrize(("make", "kind"), [(lora, None), (qlora, "nf4")], ids=["lora", "qlora"])
@pytest.mark.parametrize("switch", ["rslora", "dora"])
def test_22_rslora_and_dora_merge_by_their_formulas(
    switch: str, make: Any, kind: str | None, wide_folder: Path, tmp_path: Path
) -> None:
    """W + B A alpha / sqrt(r) (Kalajdzievski 2023, theorem 3.2); m (W + B A alpha / r) / its norm per output (Liu et
    al. 2024, equation 5).
    """
    method = make(epochs=6.0, dropout=0.0, **{switch: True})
    whole, base = (
        component("model", "hf", name_or_path=str(wide_folder), quantization=quantization)
        for quantization in (None, kind)
    )
    prepared, resident = prepare(tmp_path / "prepare", examples(12), examples(8)), Resident("cpu")
    work("train", tmp_path / "train", resident, {"prepare": prepared}, model=base, method=method)
    inputs = {"prepare": prepared, "weights": tmp_path / "train"}
    details = work("merge", tmp_path / "merge", resident, inputs, model=whole, base=base, method=method).details

    before = load_file(wide_folder / "model.safetensors")
    after = load_file(tmp_path / "merge" / "model" / "model.safetensors")
    learned = load_file(tmp_path / "train" / "adapter" / "adapter_model.safetensors")
    update = _update(tmp_path / "train", 8.0 / 4**0.5 if switch == "rslora" else 8.0 / 4)
    for module, added in update.items():
        expected = before[f"{module}.weight"] + added
        if switch == "dora":
            magnitude = learned[f"base_model.model.{module}.lora_magnitude_vector"]
            expected = magnitude[:, None] * expected / expected.norm(dim=1, keepdim=True)
        assert torch.allclose(after[f"{module}.weight"], expected, atol=1e-5), module
    assert not torch.equal(
        after["model.layers.0.self_attn.q_proj.weight"], before["model.layers.0.self_attn.q_proj.weight"]
    )
    found, bases = details["merged_from_adapter"], details["whole_from_quantised_base"]
    assert "merged weights against the adapter" in details["notes"][0]
    if kind is None:
        assert bases is None and found["logit_difference_max"] < 1e-3 and found["equal_answers_share"] == 1.0
    else:
        assert (
            0 < found["logit_difference_mean"] < 2 * bases["logit_difference_mean"]
            and "the quantization error alone" in details["notes"][0]
        )


def test_22_a_base_in_4_bits_is_never_merged_into(wide_nf4, tmp_path: Path) -> None:
    with pytest.raises(FtbenchError, match="merge: the base is in nf4; merge into the base as it was before"):
        merged(wide_nf4, tmp_path)


def test_what_cannot_be_merged_says_so(wide_folder: Path, tmp_path: Path) -> None:
    model = component("model", "hf", name_or_path=str(wide_folder))
    with pytest.raises(FtbenchError, match="artifact=merged: this method's weights cannot be merged"):
        work(
            "merge",
            tmp_path / "merge",
            Resident("cpu"),
            {},
            model=model,
            base=model,
            method=component("method", "none"),
        )


def test_whole_weights_are_loaded_once_for_all_that_is_asked_of_them(
    wide_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No base is read to be written over, and the answers are those of the weights written into it."""
    model, method = (
        component("model", "hf", name_or_path=str(wide_folder)),
        component("method", "full", epochs=10.0, learning_rate=3e-3, batch_size=4),
    )
    prepared, resident = prepare(tmp_path / "prepare", examples(12), examples(8)), Resident("cpu")
    work("train", tmp_path / "train", resident, {"prepare": prepared}, model=model, method=method)
    loads: list[str] = []
    load = type(model).load

    def counted(self: Any, device: str) -> Any:
        loads.append(self.name_or_path)
        return load(self, device)

    inputs = {"prepare": prepared, "weights": tmp_path / "train"}
    parts = {"model": model, "method": method, "context": component("context", "zero_shot")}
    asked = {**parts, "decoding": component("decoding", "greedy", max_new_tokens=12, latency_requests=0)}
    with monkeypatch.context() as patch:
        patch.setattr(type(model), "load", counted)
        work("generate", tmp_path / "test", resident, inputs, **asked)
        work("likelihood", tmp_path / "likelihood", resident, inputs, **parts)
        work("generate", tmp_path / "validation", resident, inputs, split="validation", **asked)
    assert loads == [str(tmp_path / "train" / "model")]
    with monkeypatch.context() as patch:
        patch.setattr(type(method), "saves_model", False)
        work("generate", tmp_path / "written over", Resident("cpu"), inputs, **asked)
    assert published(tmp_path / "test") == published(tmp_path / "written over")
