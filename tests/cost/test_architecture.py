"""Parameter counts from configs: against the presets' published ones, and against what transformers builds."""

from __future__ import annotations

import pytest
import yaml

from ftbench.cost.architecture import architecture, catalogue
from tests.conftest import ROOT

PRESETS = [
    node
    for path in sorted((ROOT / "conf" / "model").glob("*.yaml"))
    if (node := yaml.safe_load(path.read_text(encoding="utf-8"))).get("parameters")
]


@pytest.mark.parametrize("preset", PRESETS, ids=lambda node: node["name_or_path"])
def test_every_preset_sums_up_to_its_published_parameters(preset: dict) -> None:
    shape = architecture(catalogue()[preset["name_or_path"]])
    assert shape.total == preset["parameters"]
    assert shape.window >= preset["context_tokens"]


TINY = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 160,
    "vocab_size": 512,
}


@pytest.mark.parametrize(
    "extra",
    [
        {"model_type": "llama"},
        {"model_type": "llama", "tie_word_embeddings": True},
        {"model_type": "llama", "attention_bias": True, "mlp_bias": True},
        {"model_type": "mistral"},
        {"model_type": "qwen2"},
        {"model_type": "qwen3", "head_dim": 32},
        {"model_type": "gemma2", "head_dim": 32},
        {"model_type": "gemma", "head_dim": 32},
        {"model_type": "phi3", "pad_token_id": 0},
    ],
    ids=lambda extra: "-".join(map(str, extra.values())),
)
def test_counts_are_those_of_transformers(extra: dict) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(**{**TINY, **extra})
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    shape = architecture(config.to_dict())
    assert shape.total == sum(parameter.numel() for parameter in model.parameters())
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", use_dora=True))
    trained = sum(parameter.numel() for parameter in adapted.parameters() if parameter.requires_grad)
    assert shape.adapter_parameters(4, None, dora=True) == trained


def test_of_an_unknown_family_nothing_is_guessed() -> None:
    assert architecture({**TINY, "model_type": "mamba"}) is None
    assert architecture({"model_type": "llama", "hidden_size": 8}) is None
