"""One base at a time, and a base that was lent comes back as it was."""

from __future__ import annotations

import copy
import gc
import os
import random
import weakref
from pathlib import Path

import pytest
import torch

from ftbench.compile.option import shipped as component
from ftbench.models.intact import intact, spend
from ftbench.models.resident import Resident


def test_the_same_model_is_loaded_once_and_another_takes_its_place(chat_folder: Path, plain_folder: Path) -> None:
    resident = Resident("cpu")
    first, other = (
        component("model", "hf", name_or_path=str(chat_folder)),
        component("model", "hf", name_or_path=str(plain_folder)),
    )
    loaded = resident.get(first)
    assert resident.get(component("model", "hf", name_or_path=str(chat_folder), license="mit")) is loaded
    gone = weakref.ref(loaded.model)
    del loaded
    assert resident.get(other).format.template is None
    gc.collect()
    assert gone() is None


def test_34_a_model_that_the_next_stage_has_no_use_for_is_freed_before_it_is_measured(plain_folder: Path) -> None:
    """Number 34: else it would stand in that stage's peak."""
    resident, model = Resident("cpu"), component("model", "hf", name_or_path=str(plain_folder))
    loaded = resident.get(model, key="wanted")
    resident.make_room({"wanted", "other"})
    assert resident.get(model, key="wanted") is loaded
    gone = weakref.ref(loaded.model)
    spend(loaded.model)
    del loaded
    resident.make_room({"wanted"})
    gc.collect()
    assert gone() is None, "weights that were written into are loaded anew anyway"
    loaded = resident.get(model, key="wanted")
    gone = weakref.ref(loaded.model)
    del loaded
    resident.make_room({"other"})
    gc.collect()
    assert gone() is None


def test_a_lent_model_comes_back_as_it_was(plain_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    loaded = component("model", "hf", name_or_path=str(plain_folder)).load("cpu")
    model = loaded.model
    ids = torch.tensor([[1, 20, 30]])
    before = model(ids).logits
    modules, config, states = (
        list(model.named_modules()),
        copy.deepcopy(model.config.to_dict()),
        (random.getstate(), torch.get_rng_state()),
    )
    with pytest.raises(RuntimeError, match="stop"), intact(model):
        model.train()
        model.requires_grad_(True)
        model.model.layers[0].mlp = torch.nn.Identity()
        model.forward = lambda *a, **k: None
        model.model.register_forward_hook(lambda *a: None)
        model.config.use_cache, model.config.pad_token_id, model.generation_config.eos_token_id = False, 9, 9
        os.environ["ACCELERATE_MIXED_PRECISION"], os.environ["ACCELERATE_NEW"] = "bf16", "1"
        torch.rand(3), random.random()
        torch.set_grad_enabled(False)
        raise RuntimeError("stop")
    assert torch.is_grad_enabled()
    assert torch.equal(model(ids).logits, before)
    assert (
        list(model.named_modules()) == modules
        and model.config.to_dict() == config
        and model.generation_config.eos_token_id == 2
    )
    assert not model.training and not any(parameter.requires_grad for parameter in model.parameters())
    assert not model.model._forward_hooks and "forward" not in vars(model)
    assert random.getstate() == states[0] and torch.equal(torch.get_rng_state(), states[1])
    assert os.environ["ACCELERATE_MIXED_PRECISION"] == "no" and "ACCELERATE_NEW" not in os.environ


def test_the_next_optimizer_finds_nothing_of_the_one_before(chat) -> None:
    """As transformers registers embeddings with 8-bit optimizers: kept by place, the next training's first parameter
    would have it too.
    """
    import bitsandbytes

    manager, pages = (
        bitsandbytes.optim.GlobalOptimManager.get_instance(),
        bitsandbytes.functional.GlobalPageManager.get_instance(),
    )
    with intact(chat.model):
        manager.register_module_override(chat.model.get_input_embeddings(), "weight", {"optim_bits": 32})
        manager.pid2config[1] = manager.index2config[0, 0] = {"optim_bits": 32}
        pages.paged_tensors.append(torch.zeros(1))
    assert (
        not manager.module_weight_config_triple
        and not manager.index2config
        and not manager.pid2config
        and not pages.paged_tensors
    )


def test_names_that_kernels_replace_in_the_models_module_mean_what_they_did(chat) -> None:
    """As Liger does it: classes and functions of the modeling module get another meaning for every model made later."""
    from transformers.models.llama import modeling_llama

    from ftbench.models.intact import intact

    norm = modeling_llama.LlamaRMSNorm
    with intact(chat.model):
        modeling_llama.LlamaRMSNorm, modeling_llama.fused = torch.nn.LayerNorm, True
    assert modeling_llama.LlamaRMSNorm is norm and not hasattr(modeling_llama, "fused")
