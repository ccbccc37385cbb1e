"""4-bit bases: what is stored is what is computed with, in any order of asking and training, and it is counted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ftbench.compile.option import shipped as component
from ftbench.core.errors import FtbenchError
from ftbench.models import quantize
from ftbench.models.quantize import dequantized, four_bit_modules, settle
from ftbench.models.resident import Resident

IDS = torch.tensor([[1, 20, 30, 44, 51], [1, 9, 70, 12, 33]])


def test_nf4_layers_compute_with_the_weights_that_are_stored(wide_nf4, wide_folder: Path) -> None:
    """The same model in float32, given the stored weights looked up one by one, answers alike."""
    reference = component("model", "hf", name_or_path=str(wide_folder)).load("cpu").model
    layers = dict(four_bit_modules(wide_nf4.model))
    before = reference(IDS).logits
    for name, layer in layers.items():
        original = reference.get_submodule(name).weight
        stored = dequantized(layer)
        assert (stored - original).norm() < 0.12 * original.norm()
        original.data = stored
    with torch.inference_mode():
        found = wide_nf4.model(IDS).logits
    assert torch.allclose(found, reference(IDS).logits, atol=1e-5)
    assert (found - before).abs().max() > 1e-3 and len(layers) == 14


@pytest.mark.parametrize(("kind", "bytes_per_weight"), [("nf4", 0.516), ("nf4_single", 0.5625)])
def test_four_bit_layers_are_counted_with_their_bytes(kind: str, bytes_per_weight: float) -> None:
    loaded = component("model", "tiny", quantization=kind).load("cpu")
    found = loaded.provenance()["quantization"]
    assert (found["kind"], found["modules"], found["weights"]) == (kind, 21, 638976)
    assert found["bytes"] / found["weights"] == pytest.approx(bytes_per_weight, rel=1e-3)
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())


def test_a_base_in_4_bits_is_another_resident_model(wide_folder: Path) -> None:
    plain, packed = (
        component("model", "hf", name_or_path=str(wide_folder), quantization=kind) for kind in (None, "nf4")
    )
    resident = Resident("cpu")
    assert plain.identity() != packed.identity()
    assert resident.get(plain).quantized is None and resident.get(packed).quantized.modules == 14
    assert resident.get(plain).provenance()["quantization"] is None


def test_no_layer_in_4_bits_ends_the_stage(wide_folder: Path) -> None:
    loaded = component("model", "hf", name_or_path=str(wide_folder)).load("cpu")
    with pytest.raises(FtbenchError, match="not one layer of x holds 4-bit weights"):
        settle(loaded.model, "nf4", "x")


def test_widths_that_this_cpu_reads_wrongly_are_refused_and_never_answered_with(chat_folder: Path) -> None:
    """Rows 32 wide go wrong where the CPU has AVX512, and nowhere else."""
    model = component("model", "hf", name_or_path=str(chat_folder), quantization="nf4")
    try:
        loaded = model.load("cpu")
    except FtbenchError as error:
        assert "is 32 wide" in str(error) and "model.quantization=null" in str(error) and "\n" not in str(error)
        return
    assert all(
        torch.equal(layer(torch.eye(32)).T, dequantized(layer))
        for _, layer in four_bit_modules(loaded.model)
        if layer.in_features == 32
    )


@pytest.mark.shared_data
def test_stories260k_in_4_bits_still_tells_a_story(shared_data: Path) -> None:
    """Its rows of 172 are no multiple of a block and are read rightly; the loss stays near that of the whole model."""
    ids = torch.tensor([[1, 403, 407, 261, 378, 410, 268]])
    losses = []
    for kind in (None, "nf4"):
        loaded = component("model", "hf", name_or_path=str(shared_data / "stories260K" / "hf"), quantization=kind).load(
            "cpu"
        )
        with torch.inference_mode():
            losses.append(loaded.model(input_ids=ids, labels=ids).loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=0.1) and losses[1] != losses[0]


def test_what_cannot_be_quantised_here_is_refused_while_planning(
    wide_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (problem,) = component("model", "hf", name_or_path=str(wide_folder), quantization="nf5").check()
    assert problem.where == "model.quantization" and "Did you mean nf4?" in problem.fix and "null" in problem.fix
    monkeypatch.setattr(quantize, "LIBRARY", "no_such_library")
    (problem,) = component("model", "hf", name_or_path=str(wide_folder), quantization="nf4").check()
    assert "no_such_library, which is not installed" in problem.why
    assert component("model", "hf", name_or_path=str(wide_folder)).check() == []


def test_00_no_layer_on_a_cpu_may_repack_its_weights(wide_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On every CPU, as on one with AVX512-BF16: there bitsandbytes switches the repacking on when it makes a layer."""
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: True)
    loaded = component("model", "hf", name_or_path=str(wide_folder), quantization="nf4").load("cpu")
    assert not any(module.support_avx512bf16_for_cpu for _, module in four_bit_modules(loaded.model))
