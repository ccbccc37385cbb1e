"""QLoRA: gradients whatever the base was asked before, an adapter in float32, a base that stays as it was loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ftbench.compile.option import shipped as component
from ftbench.core.errors import FtbenchError
from ftbench.methods.tuning import Tuning
from ftbench.models.generate import generate
from ftbench.models.likelihood import likelihoods
from ftbench.models.quantize import four_bit_modules
from tests.methods.test_lora import adapter, expected_losses, trained
from tests.models.llama import examples

SMALL = {"rank": 4, "alpha": 8.0, "dropout": 0.1, "learning_rate": 1e-2, "epochs": 1.0, "batch_size": 4, "warmup": 0.0}


def qlora(**values: object) -> Tuning:
    return component("method", "qlora", **{**SMALL, **values})


def asked(loaded) -> None:
    """Has the model answer and score in eval mode, as every stage does."""
    requests = [loaded.format.encode(one.turns, one.target) for one in examples(3)]
    generate(
        loaded,
        [loaded.format.encode(one.turns) for one in examples(3)],
        component("decoding", "greedy", max_new_tokens=8),
        0,
    )
    likelihoods(loaded, requests, 2)


def test_00_trained_after_an_evaluation_it_learns_as_well_as_before_one(wide_folder: Path, tmp_path: Path) -> None:
    """On a CPU with AVX512-BF16 the first answer used to repack the weights: no gradient reached an adapter below the
    last layer.
    """
    model = component("model", "hf", name_or_path=str(wide_folder), quantization="nf4")
    first = trained(qlora(), model.load("cpu"), tmp_path / "before")
    loaded = model.load("cpu")
    asked(loaded)
    second = trained(qlora(), loaded, tmp_path / "after")
    asked(loaded)
    third = trained(qlora(), loaded, tmp_path / "again")
    assert first["losses"] == second["losses"] == third["losses"]
    assert adapter(tmp_path / "before") == adapter(tmp_path / "after") == adapter(tmp_path / "again")
    weights = load_file(tmp_path / "after" / "adapter" / "adapter_model.safetensors")
    moved = {name: float(value.abs().max()) for name, value in weights.items() if "lora_B" in name}
    assert len(moved) == 14 and all(value > 0 for value in moved.values()), moved


def test_its_first_losses_are_those_of_the_4_bit_base(wide_nf4, wide_folder: Path, tmp_path: Path) -> None:
    result = trained(qlora(learning_rate=1e-12), wide_nf4, tmp_path)
    assert result["losses"] == pytest.approx(expected_losses(wide_nf4, 0, 4), rel=1e-4)
    whole = component("model", "hf", name_or_path=str(wide_folder)).load("cpu")
    assert result["losses"] != pytest.approx(expected_losses(whole, 0, 4), rel=1e-3)


def test_it_learns_in_float32_and_leaves_the_base_as_it_was(wide_nf4, tmp_path: Path) -> None:
    before = [module.weight.data.clone() for _, module in four_bit_modules(wide_nf4.model)]
    result = trained(qlora(epochs=10.0, dropout=0.0), wide_nf4, tmp_path)
    assert result["losses"][-1] < 0.5 * result["losses"][0]
    weights = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float32}
    assert all(
        torch.equal(module.weight.data, old)
        for (_, module), old in zip(four_bit_modules(wide_nf4.model), before, strict=True)
    )
    assert wide_nf4.model.is_loaded_in_4bit and not wide_nf4.model.training


def test_gradient_checkpointing_changes_nothing_in_4_bits(wide_nf4, tmp_path: Path) -> None:
    plainly, saving = (trained(qlora(gradient_checkpointing=on), wide_nf4, tmp_path / str(on)) for on in (False, True))
    assert saving["losses"] == pytest.approx(plainly["losses"], rel=1e-4)


def test_the_receipt_counts_the_4_bit_layers(wide_nf4, tmp_path: Path) -> None:
    details = trained(qlora(), wide_nf4, tmp_path)["details"]
    assert (details["quantized_kind"], details["quantized_modules"]) == ("nf4", 14)
    assert 0.5 < details["quantized_bytes"] / details["quantized_weights"] < 0.57


def test_a_base_without_4_bit_layers_ends_the_stage(chat, tmp_path: Path) -> None:
    with pytest.raises(FtbenchError, match="method=qlora: the loaded base holds no 4-bit weights"):
        trained(qlora(), chat, tmp_path)


def test_the_base_it_asks_for(wide_folder: Path) -> None:
    model = component("model", "hf", name_or_path=str(wide_folder))
    assert qlora().base(model).quantization == "nf4" and qlora().base(model).dtype == "auto"
    other = qlora(double_quantization=False, compute_dtype="bfloat16").base(model)
    assert (other.quantization, other.dtype) == ("nf4_single", "bfloat16") and other.unquantized().quantization is None
    assert component("method", "qlora").check() == []
    assert [problem.where for problem in qlora(compute_dtype="int8", rank=0).check()] == [
        "method.rank",
        "method.compute_dtype",
    ]


def test_09_qlora_has_a_learning_rate_of_its_own() -> None:
    """What peers ship for NF4 at 7B and 13B; see the first line of its YAML."""
    assert component("method", "qlora").learning_rate == 2e-4
