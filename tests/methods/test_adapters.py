"""Adapters and whole weights that lack tensors, hold others or are cut off are refused (mistake 39)."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ftbench.compile.option import shipped as component
from ftbench.core.errors import FtbenchError
from ftbench.methods.adapters import FILE, FOLDER, add_lora, attached, resume_adapter, save_adapter
from ftbench.methods.full_weights import read_weights
from ftbench.methods.merge import merged
from ftbench.models.intact import intact

EMBEDDED: dict[str, Any] = {"modules_to_save": ["lm_head"], "bias": "all"}


@pytest.fixture
def saved(chat, tmp_path: Path) -> Path:
    """A stage's folder with a LoRA adapter over ``chat``."""
    with intact(chat.model):
        save_adapter(add_lora(chat.model, 4, 8, 0.0, ["q_proj", "v_proj"]), tmp_path, chat)
    return tmp_path


@contextmanager
def resumed(loaded, folder: Path) -> Iterator[Any]:
    with intact(loaded.model):
        yield resume_adapter(loaded.model, folder, "cpu")


@contextmanager
def merging(loaded, folder: Path) -> Iterator[Any]:
    with intact(loaded.model):
        yield merged(loaded, folder)


LOADS: list[Callable[..., Any]] = [attached, resumed, merging]


def change(folder: Path, tensors: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    path = folder / FOLDER / FILE
    save_file(tensors(load_file(path)), path, metadata={"format": "pt"})


def refusal(load: Callable[..., Any], loaded, folder: Path) -> str:
    before = list(loaded.model.named_modules())
    with pytest.raises(FtbenchError) as caught, load(loaded, folder):
        pass
    assert list(loaded.model.named_modules()) == before and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("load", LOADS)
def test_39_an_adapter_that_lacks_a_tensor_is_refused(chat, saved: Path, load: Callable[..., Any]) -> None:
    lost = "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight"
    change(saved, lambda tensors: {name: value for name, value in tensors.items() if name != lost})
    assert f"the adapter lacks 1 tensor ({lost})" in refusal(load, chat, saved)


@pytest.mark.parametrize("load", LOADS)
def test_39_an_adapter_with_tensors_for_other_layers_is_refused(chat, saved: Path, load: Callable[..., Any]) -> None:
    more = "base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight"
    change(saved, lambda tensors: {**tensors, more: torch.zeros(4, 32)})
    assert f"the adapter has no place for 1 tensor ({more})" in refusal(load, chat, saved)


@pytest.mark.parametrize("load", LOADS)
def test_39_a_sound_adapter_is_loaded_without_a_warning(chat, saved: Path, load: Callable[..., Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with load(chat, saved):
            pass


def test_39_an_adapter_of_other_sizes_or_cut_off_is_one_line(chat, saved: Path) -> None:
    path = saved / FOLDER / FILE
    content = path.read_bytes()
    change(saved, lambda tensors: {name: torch.cat([value, value]) for name, value in tensors.items()})
    assert "its tensors have other shapes than this base's layers" in refusal(attached, chat, saved)
    path.write_bytes(content[:-9])
    assert f"{saved / FOLDER}: cannot be loaded (" in refusal(attached, chat, saved)
    path.unlink()
    assert "cannot be loaded" in refusal(attached, chat, saved)


def test_39_what_peft_may_save_beside_lora_is_no_stray(chat, tmp_path: Path) -> None:
    """A head that is trained as a whole, and biases."""
    from peft import LoraConfig, get_peft_model

    with intact(chat.model), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tied weights cannot be merged, says peft
        config = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM", **EMBEDDED)
        save_adapter(get_peft_model(chat.model, config), tmp_path, chat)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with attached(chat, tmp_path):
            pass
    assert any("lm_head" in name for name in load_file(tmp_path / FOLDER / FILE))


def test_39_whole_weights_that_lack_a_tensor_are_refused(chat_folder: Path, tmp_path: Path) -> None:
    loaded = component("model", "hf", name_or_path=str(chat_folder)).load("cpu")
    (tmp_path / "model").mkdir()
    tensors = load_file(chat_folder / "model.safetensors")
    fewer = {name: value for name, value in tensors.items() if "layers.1.mlp.up_proj" not in name}
    save_file(fewer, tmp_path / "model" / "model.safetensors")
    (tmp_path / "model" / "config.json").write_text(json.dumps({}), encoding="utf-8")
    with pytest.raises(FtbenchError, match="lacks model.layers.1.mlp.up_proj.weight"):
        read_weights(loaded.model, tmp_path)
    save_file({**tensors, "model.layers.2.norm.weight": torch.zeros(2)}, tmp_path / "model" / "model.safetensors")
    with pytest.raises(FtbenchError, match="model.layers.2.norm.weight does not fit the base"):
        read_weights(loaded.model, tmp_path)
