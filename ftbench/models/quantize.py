"""Four-bit bases: NF4 weights through bitsandbytes, for QLoRA and for inference over a base that nobody trained.

Every linear layer but the output head becomes a ``Linear4bit``; embeddings, norms and head stay in the model's dtype,
which is also what the layers compute in. NF4 and double quantisation are those of Dettmers et al. 2023 (QLoRA), section
3.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ftbench.core.errors import FtbenchError, Problem, did_you_mean

KINDS = {"nf4": True, "nf4_single": False}
"""``model.quantization`` -> whether the scale of each block of 64 weights is quantised too (0.516 against 0.563 bytes a
weight).
"""

LIBRARY = "bitsandbytes"


@dataclass(frozen=True)
class Quantized:
    """What was quantised.

    Attributes:
        kind: one of ``KINDS``.
        modules: number of layers that hold 4-bit weights.
        weights: number of weights in them.
        bytes: what they take, scales included.
    """

    kind: str
    modules: int
    weights: int
    bytes: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def problems(kind: str | None) -> list[Problem]:
    """Returns why ``model.quantization=kind`` cannot be loaded here; empty when it can, or for None."""
    where = "model.quantization"
    if kind is None:
        return []
    if kind not in KINDS:
        return [Problem(where, f"{kind!r} is none of its values", f"{did_you_mean(kind, KINDS)}, or null")]
    if importlib.util.find_spec(LIBRARY) is None:
        why = f"{kind} needs {LIBRARY}, which is not installed"
        return [Problem(where, why, f"pip install {LIBRARY}, or set model.quantization=null")]
    return []


def loading_config(kind: str, dtype: Any) -> Any:
    """Returns the transformers config that quantises while loading.

    Args:
        kind: one of ``KINDS``.
        dtype: torch dtype to compute in. It is given, never left to the first input: bitsandbytes would keep what it
            saw then.
    """
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=KINDS[kind],
        bnb_4bit_compute_dtype=dtype,
    )


def settle(model: Any, kind: str, name: str) -> Quantized:
    """Makes a freshly quantised model safe to train and to ask in any order, and counts what was quantised.

    On CPUs with AVX512-BF16, bitsandbytes 0.50 repacks the weights in place at the first forward pass in eval mode.
    Afterwards training gets no gradients, without a word, and weights whose sides are no multiples of 32 and 64 cannot
    be used at all. The flag it looks at is switched off here, where the weights lie on a CPU and nowhere else.

    Raises:
        FtbenchError: when no layer holds 4-bit weights, or this CPU's kernel reads those of a layer wrongly.
    """
    modules = weights = size = 0
    for place, module in four_bit_modules(model):
        state = module.weight.quant_state
        if state is None:
            continue
        if module.weight.device.type == "cpu":
            module.support_avx512bf16_for_cpu = False
            _check_readable(place, module, kind, name)
        modules += 1
        weights += state.shape.numel()
        size += sum(tensor.numel() * tensor.element_size() for tensor in (module.weight, *_scales(state)))
    if modules == 0:
        fix = "Set model.quantization=null and use method=lora, or name a model with linear layers"
        raise FtbenchError(
            f"model.quantization={kind}: not one layer of {name} holds 4-bit weights after loading. {fix}"
        )
    return Quantized(kind, modules, weights, size)


def four_bit_modules(model: Any) -> Iterator[tuple[str, Any]]:
    """Yields name and layer of each ``Linear4bit`` of a model."""
    from bitsandbytes.nn import Linear4bit

    return ((place, module) for place, module in model.named_modules() if isinstance(module, Linear4bit))


def _check_readable(place: str, module: Any, kind: str, name: str) -> None:
    """Refuses a layer that the CPU's kernel dequantises to other weights than were stored.

    bitsandbytes 0.50 does so with AVX512 where a row's width is a multiple of 16 and not of 64, the size of a block.
    """
    import torch
    from bitsandbytes.functional import dequantize_4bit

    state = module.weight.quant_state
    width = state.shape[-1]
    if width % state.blocksize == 0:
        return
    read = dequantize_4bit(module.weight.data, state).float()
    if not torch.allclose(read, dequantized(module).to(state.dtype).float(), rtol=1e-2, atol=1e-6):
        reason = f"{place} of {name} is {width} wide, and on this CPU {LIBRARY} reads 4-bit rows of that width wrongly"
        raise FtbenchError(
            f"model.quantization={kind}: {reason}. Use a model whose widths are multiples of {state.blocksize}, a GPU,"
            " or model.quantization=null"
        )


def dequantized(module: Any) -> Any:
    """Returns the weights [out, in] of a ``Linear4bit`` in float32, looked up value by value: slow, and the same
    everywhere.
    """
    import torch
    from bitsandbytes.functional import dequantize_blockwise

    state = module.weight.quant_state
    packed = module.weight.data.view(torch.uint8).reshape(-1)
    codes = torch.stack((packed >> 4, packed & 15), dim=1).reshape(-1)[: state.shape.numel()]
    scales = dequantize_blockwise(state.absmax, state.state2) + state.offset if state.nested else state.absmax
    values = state.code[codes.long()] * scales.float().repeat_interleave(state.blocksize)[: len(codes)]
    return values.reshape(state.shape)


def _scales(state: Any) -> Iterator[Any]:
    """Yields the tensors that scale the blocks: one each, or quantised ones with the scales and the offset of those."""
    yield state.absmax
    if state.nested:
        yield from (state.offset, state.state2.absmax)
