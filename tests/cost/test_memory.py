"""Memory by arithmetic: the terms against what autograd really keeps, and against worked values of the literature."""

from __future__ import annotations

import pytest

from ftbench.core.training import Adapter, Training
from ftbench.cost.architecture import architecture, catalogue
from ftbench.cost.memory import (
    Setting,
    block_bytes,
    kv_cache_bytes,
    nf4_bytes,
    optimizer_bytes,
    total,
    training_peak,
    weight_bytes,
)

SEVEN, THIRTEEN = (architecture(catalogue()[f"meta-llama/Llama-2-{size}-hf"]) for size in ("7b", "13b"))
CUDA = Setting("bfloat16", "bfloat16", None, "sdpa", "cuda")
WHOLE = Training(None, "float32", "adamw_torch_fused", "auto", True, "targets", 1000, 1, 1, 1024, 0)
LORA = Training(
    Adapter(16, None, False, False), "base", "adamw_torch_fused", "auto", True, "targets", 1000, 1, 1, 1024, 0
)


def test_bytes_per_parameter_are_those_of_the_papers() -> None:
    assert nf4_bytes(False) == 0.5625 and nf4_bytes(True) == pytest.approx(
        0.5159, abs=1e-4
    )  # 4.5 and 4.127 bits (Dettmers et al. 2023, section 3)
    assert weight_bytes(SEVEN, "bfloat16", None) == 2 * 6738415616
    assert optimizer_bytes(10, 4, "adamw_torch_fused") == 80 and optimizer_bytes(10, 4, "paged_adamw_32bit") == 0
    assert (
        optimizer_bytes(512, 2, "adamw_bnb_8bit", 256) == 256 * 2 + 2 * 4 + 256 * 8
    )  # embeddings keep their states in float32
    # Pope et al. 2022: 2 x layers x width x bytes for each token
    assert kv_cache_bytes(SEVEN, CUDA, 1) == 2 * 32 * 4096 * 2


def test_mixed_precision_is_sixteen_to_eighteen_bytes_a_parameter() -> None:
    for accumulation in (1, 4):
        run = Training(**{**vars(WHOLE), "gradient_accumulation": accumulation})
        states = total({**training_peak(SEVEN, CUDA, run, 8), "activations": 0, "logits": 0})
        assert 16 <= states / SEVEN.total <= 18.1


def test_pure_sixteen_bits_is_eight_and_with_eight_bit_states_six() -> None:
    base = Training(**{**vars(WHOLE), "master_weights": "base"})
    assert total(training_peak(SEVEN, CUDA, base, 8)) / SEVEN.total == pytest.approx(8, rel=0.02)
    small = Training(**{**vars(base), "optimizer": "adamw_bnb_8bit"})
    assert total(training_peak(SEVEN, CUDA, small, 8)) / SEVEN.total == pytest.approx(6, rel=0.03)


def test_thirteen_billion_in_full_do_not_fit_eighty_gigabytes_and_lora_does() -> None:
    assert total(training_peak(THIRTEEN, CUDA, WHOLE, 1024)) > 200e9
    assert total(training_peak(THIRTEEN, CUDA, LORA, 1024)) < 40e9


def test_gradients_and_activations_are_not_both_there_without_accumulation() -> None:
    terms = training_peak(SEVEN, CUDA, WHOLE, 1024)
    assert terms["gradients"] > 0 and terms["activations"] < 1e9
    held = training_peak(
        SEVEN, CUDA, Training(**{**vars(WHOLE), "gradient_accumulation": 2, "checkpointing": False}), 1024
    )
    assert held["gradients"] > 0 and held["activations"] > 5e9


def test_a_preference_row_is_two_sequences() -> None:
    one = training_peak(SEVEN, CUDA, LORA, 512)
    two = training_peak(SEVEN, CUDA, Training(**{**vars(LORA), "reads": "preferences"}), 512)
    assert two["activations"] == pytest.approx(2 * one["activations"])


SMALL = {
    "model_type": "llama",
    "hidden_size": 256,
    "num_attention_heads": 8,
    "intermediate_size": 688,
    "vocab_size": 64,
    "head_dim": 32,
}


@pytest.mark.parametrize("kv_heads", [8, 2])
@pytest.mark.parametrize("case", ["mixed", "pure", "lora", "lora_q_v", "lora_dropout"])
def test_what_autograd_keeps_of_a_block(case: str, kv_heads: int) -> None:
    """Lists the saved tensors of two depths of transformers' Llama; their difference is two blocks."""
    names = ("q_proj", "v_proj") if case == "lora_q_v" else None
    adapter = Adapter(4, names, case == "lora_dropout", False) if case.startswith("lora") else None
    counted = (_saved(4, case, kv_heads, adapter) - _saved(2, case, kv_heads, adapter)) / 2
    shape = architecture({**SMALL, "num_key_value_heads": kv_heads, "num_hidden_layers": 2})
    found = block_bytes(shape, CUDA, adapter, adapter is None, 100, 4 if case == "mixed" else 2)
    if case == "lora_dropout":  # a CPU keeps the mask as float32 numbers, CUDA as bytes
        found += 3 * shape.layers * sum(linear.inputs for linear in shape.linears) / shape.layers
    assert found == pytest.approx(counted, rel=0.01)


def _saved(layers: int, case: str, kv_heads: int, adapter: Adapter | None) -> float:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(**SMALL, num_key_value_heads=kv_heads, num_hidden_layers=layers)
    )
    if case != "mixed":
        model = model.bfloat16()
    inner = model.model
    if adapter is not None:
        targets = list(adapter.targets) if adapter.targets else "all-linear"
        peft = get_peft_model(
            model, LoraConfig(r=adapter.rank, target_modules=targets, lora_dropout=0.05 if adapter.dropout else 0.0)
        )
        for parameter in peft.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
        model.enable_input_require_grads()
    inner.train()
    weights = {tuple(parameter.shape) for parameter in model.parameters()}
    weights |= {shape[::-1] for shape in weights}
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}
    alive = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own and not (tensor.ndim == 2 and tuple(tensor.shape) in weights):
            kept[storage.data_ptr()] = storage.nbytes()
        alive.append(tensor)  # so that no address is used twice
        return tensor

    rows, length = 2, 100
    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16),
    ):
        inner(input_ids=torch.randint(0, 64, (rows, length)))
    return sum(kept.values()) / (rows * length)
