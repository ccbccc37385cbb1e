"""Seconds by arithmetic: operations, floating-point operations and bytes, and the rates of a machine that turn them
into time.

A GPU is given work faster than it does it or slower: the larger of the two counts. A CPU does one thing after the
other: both count. Without a calibration the rates are those of the data sheet at the assumed efficiencies below, and a
forecast says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ftbench.core.training import Adapter, Training
from ftbench.cost.architecture import Architecture

LAUNCH_SECONDS = 7e-6
"""Of one eager PyTorch operation: what Python and the driver take to start a kernel."""
MODEL_FLOPS_UTILISATION = 0.40
"""Share of the data sheet's dense bfloat16 rate that training reaches: 38-43% in Llama 3 (Grattafiori et al. 2024,
table 4), 46% in PaLM.
"""
BANDWIDTH_SHARE = 0.70
"""Share of the data sheet's memory bandwidth that decoding reaches."""
LOAD_BYTES_PER_SECOND, LOAD_START_SECONDS = 1.5e9, 5.0
"""Reading weights from a local disk onto the device, and building the model."""
DEQUANTISE_BYTES = 2.5
"""Read and written for each 4-bit parameter in each pass: half a byte in, two out."""
WHOLE, ADAPTER, QUANTISED, GENERATE, QUANTISED_GENERATE, FORWARD = (
    "whole",
    "adapter",
    "quantised",
    "generate",
    "quantised_generate",
    "forward",
)
KINDS = (WHOLE, ADAPTER, QUANTISED, GENERATE, QUANTISED_GENERATE, FORWARD)
NEAREST = {QUANTISED_GENERATE: GENERATE}
"""Kind of work -> the one whose rate stands in where its own was not measured."""


@dataclass(frozen=True)
class Work:
    """What a stage asks of a machine.

    Attributes:
        passes: how often operations are launched one after the other (micro-batches, or tokens of a batch).
        operations: eager operations of all passes.
        flops: floating-point operations of all passes.
        moved: bytes of weights and caches read and written beside those operations.
        rows: rows that Python handles one by one.
    """

    passes: float
    operations: float
    flops: float
    moved: float
    rows: float

    def __add__(self, other: Work) -> Work:
        return Work(
            *(mine + theirs for mine, theirs in zip(asdict(self).values(), asdict(other).values(), strict=True))
        )


NOTHING = Work(0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Rate:
    """How fast one kind of work goes.

    Attributes:
        start: seconds before the first pass (a trainer's set-up).
        operation: seconds per eager operation.
        flop: seconds per floating-point operation.
        byte: seconds per byte moved.
        row: seconds per row.
        overlap: whether launching and computing run side by side.
    """

    start: float
    operation: float
    flop: float
    byte: float
    row: float
    overlap: bool

    def seconds(self, work: Work) -> float:
        launched, computed = work.operations * self.operation, work.flops * self.flop
        moved = work.moved * self.byte
        busy = max(launched, computed + moved) if self.overlap else launched + computed + moved
        return self.start + busy + work.rows * self.row


@dataclass(frozen=True)
class Rates:
    """The rates of one machine.

    Attributes:
        kinds: kind of work (``KINDS``) -> rate.
        load_start, load_byte: seconds to load a model: once, and per byte.
        light: kind of a stage that computes nothing on the device -> rate, of its start and rows alone; absent where it
            was never measured.
        calibrated: whether they were measured.
        basis: where they are from, for the reader of a plan.
    """

    kinds: Mapping[str, Rate]
    load_start: float
    load_byte: float
    light: Mapping[str, Rate]
    calibrated: bool
    basis: str

    def of(self, kind: str | None) -> Rate | None:
        """Returns the rate of a kind of work, else of the nearest kind, else None."""
        return self.kinds.get(kind or "") or self.kinds.get(NEAREST.get(kind or "", ""))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Rates:
        return cls(
            **{
                **data,
                **{table: {kind: Rate(**rate) for kind, rate in data[table].items()} for table in ("kinds", "light")},
            }
        )


def data_sheet(name: str, flops: float, bandwidth: float) -> Rates:
    """Returns the rates of a GPU by its data sheet."""
    rate = Rate(
        0.0, LAUNCH_SECONDS, 1 / (MODEL_FLOPS_UTILISATION * flops), 1 / (BANDWIDTH_SHARE * bandwidth), 0.0, True
    )
    basis = (
        f"{name}'s data sheet at {MODEL_FLOPS_UTILISATION:.0%} of its operations and {BANDWIDTH_SHARE:.0%} of its"
        " bandwidth, not calibrated"
    )
    return Rates(dict.fromkeys(KINDS, rate), LOAD_START_SECONDS, 1 / LOAD_BYTES_PER_SECOND, {}, False, basis)


def forward_operations(shape: Architecture, adapter: Adapter | None) -> float:
    """Returns eager operations of one forward pass: 6 per norm, 1 per linear layer, 10 to rotate, 4 of attention and
    feed-forward, 2 sums; 6 per adapter.
    """
    adapted = 0 if adapter is None else 6 * len(shape.chosen(adapter.targets))
    return shape.layers * (6 * shape.norms + 6 * shape.head_norms + len(shape.linears) + 16 + adapted) + 12


def forward_flops(shape: Architecture, tokens: float, length: float, adapter: Adapter | None = None) -> float:
    """Returns floating-point operations of a forward pass: 2 per parameter and token, and 2 L T q of causal attention
    (Kaplan et al. 2020, table 1).
    """
    learnt = 0 if adapter is None else shape.adapter_parameters(adapter.rank, adapter.targets)
    return tokens * (2.0 * (shape.computing + learnt) + 2.0 * shape.layers * length * shape.query_width)


def training_work(
    shape: Architecture, training: Training, padded: float, held_padded: float, held_rows: int, quantised: bool
) -> Work:
    """Returns the work of a training: forward, backward for what comes in, for weights where they learn, and forward
    again where it is recomputed.

    Per parameter and token that is 6 (8 recomputed) for all weights and 4 (6) for adapters over a frozen base.

    Args:
        padded: tokens that a row of a training batch is padded to, on average; ``held_padded`` of a validation batch.
        held_rows: validation rows.
        quantised: whether weights are unpacked from 4 bits in each pass.
    """
    adapter = training.adapter
    tokens = training.rows * training.sequences * padded
    forward = forward_flops(shape, tokens, padded, adapter)
    learnt = (
        2.0 * tokens * (shape.computing if adapter is None else shape.adapter_parameters(adapter.rank, adapter.targets))
    )
    sweeps = 3 if training.checkpointing else 2
    unpacked = DEQUANTISE_BYTES * shape.in_linears if quantised else 0.0
    work = Work(
        training.passes,
        training.passes * forward_operations(shape, adapter) * (sweeps + 1),
        forward * sweeps + learnt,
        training.passes * unpacked * sweeps,
        0.0,
    )
    looked = training.validations * held_rows
    if not looked:
        return work
    passes = training.validations * -(-held_rows // training.batch_size)
    seen = looked * training.sequences * held_padded
    return work + Work(
        passes,
        passes * forward_operations(shape, adapter),
        forward_flops(shape, seen, held_padded, adapter),
        passes * unpacked,
        0.0,
    )


def generation_work(
    shape: Architecture,
    rows: int,
    batch: int,
    prompt: float,
    new: float,
    weights: float,
    cache_byte: float,
    adapter: Adapter | None,
    quantised: bool,
) -> Work:
    """Returns the work of answering ``rows`` prompts: one pass over the prompt, then one for each new token that reads
    all weights (Pope et al. 2022).

    Args:
        prompt: tokens of a prompt; ``new`` those of the longest answer of a batch.
        weights: bytes of the model.
        cache_byte: bytes of keys and values per token.
        quantised: whether weights are unpacked from 4 bits in each pass.
    """
    batches = -(-rows // batch)
    passes = batches * max(1.0, new)
    tokens = rows * (prompt + max(0.0, new - 1))
    reads = weights + (DEQUANTISE_BYTES * shape.in_linears if quantised else 0.0)
    cache = rows * new * (prompt + new / 2) * cache_byte
    return Work(
        passes,
        passes * forward_operations(shape, adapter),
        forward_flops(shape, tokens, prompt + new / 2, adapter),
        passes * reads + cache,
        float(rows),
    )


def scoring_work(
    shape: Architecture, rows: int, batch: int, length: float, adapter: Adapter | None, quantised: bool
) -> Work:
    """Returns the work of one forward pass over ``rows`` rows."""
    passes = -(-rows // batch)
    unpacked = DEQUANTISE_BYTES * shape.in_linears if quantised else 0.0
    return Work(
        passes,
        passes * forward_operations(shape, adapter),
        forward_flops(shape, rows * length, length, adapter),
        passes * unpacked,
        float(rows),
    )
