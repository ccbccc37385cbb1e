"""Peak device memory by arithmetic, each term a function with its source. No constant here is fitted to a published
table.

What is held at once decides, not the sum of everything: without gradient accumulation the gradients of a layer appear
as its activations go, so a training peaks either where the backward pass begins (activations, no gradients) or where
the optimizer steps (gradients, no activations). ``training_peak`` returns the larger of the two, term by term.

The terms of one block were counted on transformers' Llama by listing what autograd keeps (``tests/cost/test_memory.py``
counts again). Bytes per token and block; a is the width of a computed number, s of the residual stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ftbench.core.training import Adapter, Training
from ftbench.cost.architecture import Architecture

GB = 1e9
DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
NF4_BLOCK, NF4_NESTED_BLOCK = 64, 256
CONTEXT_BYTES = 500 * 2**20
"""What a process holds of a GPU before its first tensor (CUDA context, loaded kernels): some hundreds of MB, outside of
what ``torch.cuda.max_memory_allocated`` counts. Added where it is asked whether something fits, not to a forecast of
that figure.
"""
TILE_TOKENS, TILE_VOCABULARY = 4096, 32768
"""Tile of TRL's fused head (trl/kernels/chunked_logprob.py, trl/trainer/utils.py): logits are never whole in memory."""
TERMS = ("weights", "gradients", "optimizer", "activations", "logits", "kv_cache", "workspace")


@dataclass(frozen=True)
class Setting:
    """How a model computes.

    Attributes:
        dtype: of the weights as loaded: ``float32``, ``bfloat16`` or ``float16``.
        compute: of the computed numbers under autocast; the weights' own without it.
        quantization: None, ``nf4`` (with double quantization) or ``nf4_single``.
        attention: ``eager`` keeps whole attention matrices; any other is taken to keep none.
        device: ``cuda`` or ``cpu``.
        fused_head: whether the loss is taken tile by tile (TRL from 1.x on) or over whole logits.
        adapter_dtype: what adapters are held in while they are trained.
        keeps_quantized_inputs: whether 4-bit layers keep their inputs for the backward pass, as bitsandbytes did up to
            0.41.
    """

    dtype: str
    compute: str
    quantization: str | None
    attention: str
    device: str
    fused_head: bool = True
    adapter_dtype: str = "float32"
    keeps_quantized_inputs: bool = False


def nf4_bytes(double: bool) -> float:
    """Returns bytes per quantized parameter: 4 bits, and a scale per 64 (Dettmers et al. 2023, section 3): 4 bytes, or
    1 byte and 4 per 256 scales.
    """
    scale = 1 + 4 / NF4_NESTED_BLOCK if double else 4.0
    return 0.5 + scale / NF4_BLOCK


def weight_bytes(shape: Architecture, dtype: str, quantization: str | None) -> float:
    """Returns the bytes of a base: 4 bits for the blocks' linear layers where it is quantized; embedding, head and
    norms stay in ``dtype``.
    """
    width = DTYPE_BYTES[dtype]
    if quantization is None:
        return width * shape.total
    return nf4_bytes(quantization == "nf4") * shape.in_linears + width * (shape.total - shape.in_linears)


def optimizer_bytes(parameters: int, width: int, optimizer: str, embeddings: int = 0) -> float:
    """Returns the bytes of an optimizer's state on the device.

    AdamW: two moments in the parameters' dtype (Kingma and Ba 2015). 8 bits: one byte each and a 4-byte scale per 256
    (Dettmers et al. 2022; bitsandbytes' block size), but 4 bytes each for embeddings (transformers'
    ``Trainer.create_optimizer`` has it so). Paged: pages that go to the host when the device is full, so none that must
    fit. Adafactor: a row and a column per matrix, next to nothing (Shazeer and Stern 2018). SGD without momentum: none.

    Args:
        embeddings: how many of the parameters are embeddings.
    """
    if optimizer.startswith("paged") or optimizer in ("adafactor", "sgd"):
        return 0.0
    if optimizer == "adamw_bnb_8bit":
        return 2 * (1 + 4 / 256) * (parameters - embeddings) + 2 * 4.0 * embeddings
    return 2.0 * width * parameters


def step_bytes(parameters: int, width: int, optimizer: str) -> float:
    """Returns what a step needs beside its state: an unfused AdamW works on lists of tensors and holds a copy of all at
    once (torch.optim.AdamW, ``foreach``).
    """
    return float(width * parameters) if optimizer == "adamw_torch" else 0.0


def block_bytes(
    shape: Architecture, setting: Setting, adapter: Adapter | None, trains: bool, length: int, residual: int
) -> float:
    """Returns bytes per token that autograd keeps of one block.

    Norms keep their input in float32 and, where their weight learns, the normalized value; attention its queries, keys,
    values and output; the gated feed-forward both projections and the activation; a linear layer its input only where
    its weight or its adapter learns. Under autocast a float32 input is cast, and kept, once for each layer that reads
    it.

    Args:
        trains: whether the base's own weights learn.
        length: tokens of a row, for attention that keeps whole matrices.
        residual: bytes per number of the residual stream.
    """
    a, h, i = DTYPE_BYTES[setting.compute], shape.hidden, shape.intermediate
    casts = residual != a
    kept: float = shape.norms * (4 * h + (residual * h if trains else 0))
    kept += a * (2 * shape.query_width + 2 * shape.kv_width) + 4 * shape.heads
    kept += 3 * a * i
    if setting.attention == "eager":
        kept += shape.heads * length * (4 + 2 * a)
    if trains:
        kept += a * h * (_readers(shape) if casts else 2) + a * i
    if adapter is not None:
        kept += _adapter_inputs(shape, setting, adapter)
    if setting.keeps_quantized_inputs and setting.quantization is not None:
        kept += a * (2 * h + i)
    return kept


def _readers(shape: Architecture) -> int:
    """Linear layers of a block that read a norm's output."""
    return sum(linear.inputs == shape.hidden and linear.name not in ("o_proj", "down_proj") for linear in shape.linears)


def _adapter_inputs(shape: Architecture, setting: Setting, adapter: Adapter) -> float:
    """Returns bytes per token of what low-rank matrices keep: their input and the narrow middle, a mask where there is
    dropout.

    peft casts the input to the adapter's dtype, and autocast back, so each adapter over 16-bit weights has its own
    copy; over 4-bit weights peft leaves the cast to autocast, and without dropout the copy is shared. A mask is one
    byte on CUDA (a fused kernel) and a number on a CPU.
    """
    a = DTYPE_BYTES[setting.compute]
    own = setting.device == "cuda" and setting.adapter_dtype != setting.dtype and setting.quantization is None
    targets = shape.chosen(adapter.targets)
    kept = sum(a * adapter.rank for _ in targets)
    if adapter.dropout:
        kept += sum((1 if setting.device == "cuda" else 4) * linear.inputs for linear in targets)
    if own or adapter.dropout:
        return kept + sum(a * linear.inputs for linear in targets)
    first = any(linear.name in ("q_proj", "k_proj", "v_proj", "qkv_proj") for linear in targets)
    second = any(linear.name in ("gate_proj", "up_proj", "gate_up_proj") for linear in targets)
    product = any(linear.name == "down_proj" for linear in targets)
    return kept + a * (shape.hidden * (first + second) + (shape.intermediate if product else 0))


def activation_bytes(per_token: float, shape: Architecture, tokens: int, residual: int, checkpointing: bool) -> float:
    """Returns the bytes of all blocks; recomputed ones keep their input alone, and one block is live at a time (Chen et
    al. 2016).
    """
    if checkpointing:
        return tokens * (residual * shape.hidden * shape.layers + per_token)
    return tokens * per_token * shape.layers


def logit_bytes(shape: Architecture, setting: Setting, tokens: int, head_trains: bool) -> float:
    """Returns the bytes of the head's output: one tile and the hidden states' float32 gradient, or whole logits.

    Whole logits: once as computed, upcast to float32, their log-softmax, and the gradient: a + 12 per token and entry
    of the vocabulary.
    """
    a = DTYPE_BYTES[setting.compute]
    if not setting.fused_head:
        return tokens * shape.vocabulary * (a + 12.0)
    tile = min(tokens, TILE_TOKENS) * min(shape.vocabulary, TILE_VOCABULARY) * a
    return tile + 4.0 * tokens * shape.hidden + (4.0 * shape.vocabulary * shape.hidden if head_trains else 0.0)


def cast_bytes(shape: Architecture, setting: Setting, learnt: int, trains: bool) -> float:
    """Returns the bytes of the 16-bit copies that autocast makes of float32 weights, each kept until the backward pass
    has gone through its block.
    """
    if trains:
        return 2.0 * shape.in_linears if setting.compute != "float32" else 0.0
    return 2.0 * learnt if setting.adapter_dtype == "float32" and setting.compute != "float32" else 0.0


def kv_cache_bytes(shape: Architecture, setting: Setting, tokens: int) -> float:
    """Returns the bytes of keys and values of all blocks for ``tokens`` (Pope et al. 2022, section 3.3)."""
    return 2.0 * shape.layers * shape.kv_width * DTYPE_BYTES[setting.compute] * tokens


def workspace_bytes(shape: Architecture, setting: Setting, tokens: int) -> float:
    """Returns the bytes of the widest transients: three buffers of the feed-forward, one float32 residual, and one
    layer's weights out of 4 bits.
    """
    a = DTYPE_BYTES[setting.compute]
    dequantised = max(linear.parameters for linear in shape.linears) * a if setting.quantization is not None else 0
    return tokens * (3.0 * a * shape.intermediate + 4.0 * shape.hidden) + dequantised


def training_peak(shape: Architecture, setting: Setting, training: Training, length: int) -> dict[str, float]:
    """Returns term -> bytes at the peak of a training; they add up to it.

    Args:
        length: tokens of the longest row, padding included.
    """
    trains = training.adapter is None
    tokens = length * training.batch_size * training.sequences
    if training.adapter is None:
        width = 4 if training.master_weights == "float32" else DTYPE_BYTES[setting.dtype]
        learnt, residual = shape.total, width
        weights = float(width * shape.total)
        setting = replace(
            setting, compute="float32" if width == 4 and setting.compute == "float32" else setting.compute
        )
    else:
        width, residual = DTYPE_BYTES[setting.adapter_dtype], DTYPE_BYTES[setting.dtype]
        learnt = shape.adapter_parameters(training.adapter.rank, training.adapter.targets, training.adapter.dora)
        weights = weight_bytes(shape, setting.dtype, setting.quantization) + width * learnt
    casts = cast_bytes(shape, setting, learnt, trains and width == 4) if not trains or width == 4 else 0.0
    per_token = block_bytes(shape, setting, training.adapter, trains, length, residual)
    states = optimizer_bytes(learnt, width, training.optimizer, shape.vocabulary * shape.hidden if trains else 0)
    gradients = float(width * learnt)
    begins = {
        "weights": weights,
        "gradients": gradients if training.gradient_accumulation > 1 else 0.0,
        "optimizer": states,
        "activations": activation_bytes(per_token, shape, tokens, residual, training.checkpointing),
        "logits": logit_bytes(shape, setting, tokens, trains),
        "kv_cache": 0.0,
        "workspace": casts + workspace_bytes(shape, setting, tokens),
    }
    ends = {
        "weights": weights,
        "gradients": gradients,
        "optimizer": states,
        "activations": tokens * per_token,
        "logits": 0.0,
        "kv_cache": 0.0,
        "workspace": max(
            casts / shape.layers + workspace_bytes(shape, setting, tokens),
            step_bytes(learnt, width, training.optimizer) - tokens * per_token,
        ),
    }
    return max(begins, ends, key=lambda moment: sum(moment.values()))


def inference_peak(
    shape: Architecture, setting: Setting, batch: int, prompt: int, new: int, adapter: Adapter | None = None
) -> dict[str, float]:
    """Returns term -> bytes at the peak of answering a batch: prompts of ``prompt`` tokens and ``new`` ones."""
    learnt = 0 if adapter is None else shape.adapter_parameters(adapter.rank, adapter.targets, adapter.dora)
    return {
        "weights": (
            weight_bytes(shape, setting.dtype, setting.quantization) + DTYPE_BYTES[setting.adapter_dtype] * learnt
        ),
        "gradients": 0.0,
        "optimizer": 0.0,
        "activations": 0.0,
        "logits": batch * shape.vocabulary * (DTYPE_BYTES[setting.compute] + 4.0),
        "kv_cache": kv_cache_bytes(shape, setting, batch * (prompt + new)),
        "workspace": workspace_bytes(shape, setting, batch * prompt),
    }


def scoring_peak(
    shape: Architecture, setting: Setting, batch: int, length: int, logit_budget: float, adapter: Adapter | None = None
) -> dict[str, float]:
    """Returns term -> bytes at the peak of one forward pass whose logits are held to ``logit_budget``, and
    upcast once.
    """
    found = inference_peak(shape, setting, batch, length, 0, adapter)
    return {**found, "logits": min(2 * logit_budget, batch * length * shape.vocabulary * 8.0), "kv_cache": 0.0}


def total(terms: Mapping[str, float]) -> float:
    return sum(terms.values())
