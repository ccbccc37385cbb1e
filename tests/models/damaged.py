"""Small model folders of many families, and copies of them with tensors taken away, added or cut off."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

WEIGHTS = "model.safetensors"


def families() -> dict[str, tuple[str, dict[str, Any]]]:
    """Returns name -> model type and values of its config: tied and untied; dense, sparse and recurrent layers."""
    layers = {"vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    sizes = {**layers, "intermediate_size": 48}
    grouped = {**sizes, "num_key_value_heads": 2}
    gpt = {"vocab_size": 97, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
    experts = {**grouped, "moe_intermediate_size": 24, "num_experts_per_tok": 2}
    return {
        "llama_tied": ("llama", {**grouped, "tie_word_embeddings": True}),
        "llama_untied": ("llama", {**grouped, "tie_word_embeddings": False}),
        "qwen2_tied": ("qwen2", {**grouped, "tie_word_embeddings": True}),
        "qwen3_untied": ("qwen3", {**grouped, "head_dim": 8, "tie_word_embeddings": False}),
        "phi3_untied": ("phi3", {**grouped, "pad_token_id": 0, "tie_word_embeddings": False}),
        "gemma3_tied": ("gemma3_text", {**grouped, "head_dim": 8}),
        "gpt2_tied": ("gpt2", gpt),
        "gpt_neox_untied": ("gpt_neox", {**sizes, "tie_word_embeddings": False}),
        "bloom_tied": ("bloom", {"vocab_size": 97, "hidden_size": 32, "n_layer": 2, "n_head": 4}),
        "opt_tied": ("opt", {**layers, "ffn_dim": 48, "word_embed_proj_dim": 32}),
        "mixtral_untied": ("mixtral", {**grouped, "num_local_experts": 4, "tie_word_embeddings": False}),
        "qwen3_moe_untied": ("qwen3_moe", {**experts, "num_experts": 4, "head_dim": 8, "tie_word_embeddings": False}),
        "mamba_tied": ("mamba", {"vocab_size": 97, "hidden_size": 32, "state_size": 8, "num_hidden_layers": 2}),
        "roberta_untied": ("roberta", {**sizes, "is_decoder": True, "tie_word_embeddings": False}),
    }


def write_family(folder: Path, name: str, shards: bool = False) -> Any:
    """Writes one of ``families`` with random weights, over several files for ``shards``, and returns the model."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    kind, values = families()[name]
    state = torch.get_rng_state()
    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **values)).eval()
    torch.set_rng_state(state)
    model.save_pretrained(folder, **({"max_shard_size": "12KB"} if shards else {}))
    return model


def write_bart(folder: Path) -> Path:
    """Writes an encoder-decoder whose decoder ``AutoModelForCausalLM`` loads without its encoder."""
    import transformers

    sizes = {"layers": 2, "attention_heads": 2, "ffn_dim": 16}
    both = {f"{part}_{name}": value for part in ("encoder", "decoder") for name, value in sizes.items()}
    config = transformers.BartConfig(vocab_size=264, d_model=16, **both)
    transformers.BartForConditionalGeneration(config).save_pretrained(folder)
    return folder


Change = Callable[[dict[str, Any]], Mapping[str, Any]]


def altered(source: Path, target: Path, tensors: Change = dict, **config: Any) -> Path:
    """Writes a copy of a model folder with other tensors and other values of its config, and returns it."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, target)
    save_file(dict(tensors(load_file(source / WEIGHTS))), target / WEIGHTS, metadata={"format": "pt"})
    values = json.loads((source / "config.json").read_text(encoding="utf-8"))
    (target / "config.json").write_text(json.dumps({**values, **config}), encoding="utf-8")
    return target


def without(*parts: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Returns a change for ``altered`` that leaves out every tensor whose name holds one of these."""
    return lambda tensors: {name: value for name, value in tensors.items() if not any(part in name for part in parts)}


def beside(*names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Returns a change for ``altered`` that adds tensors of four zeros."""
    import torch

    return lambda tensors: {**tensors, **{name: torch.zeros(4) for name in names}}
