"""What a stage will need and take, before it runs: memory by ``memory``, time by ``speed``, dollars by the hardware's
price.

Pure: the compiler hands in what components say of themselves (``Subject``) and how long the rows are. What is not known
is None with a reason, never 0 (docs/mistakes.md, number 31).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ftbench.core.training import Adapter, Training
from ftbench.cost.architecture import Architecture
from ftbench.cost.bill import usd
from ftbench.cost.hardware import Hardware
from ftbench.cost.lengths import Lengths
from ftbench.cost.memory import (
    CONTEXT_BYTES,
    Setting,
    inference_peak,
    kv_cache_bytes,
    scoring_peak,
    total,
    training_peak,
    weight_bytes,
)
from ftbench.cost.speed import (
    ADAPTER,
    FORWARD,
    GENERATE,
    NOTHING,
    QUANTISED,
    QUANTISED_GENERATE,
    WHOLE,
    Rates,
    Work,
    data_sheet,
    generation_work,
    scoring_work,
    training_work,
)

LIGHT = ("prepare", "check", "tokens", "documents", "index", "score")
"""Kinds that compute nothing on a device."""
LOGIT_BUDGET_BYTES = 256 * 2**20
"""Of ``ftbench.models.likelihood``: rows are scored so few at once that their logits stay within it."""


@dataclass(frozen=True)
class Forecast:
    """What one stage will need and take; None is unknown, and ``reason`` then says why.

    Attributes:
        kind: of the stage.
        hardware: name of what it is forecast for.
        memory: term -> bytes at the peak (``ftbench.cost.memory.TERMS``); None for a stage without a model.
        peak_bytes: their sum, to be compared with what the device's allocator reports.
        needs_bytes: with the process's own share of the device, to be compared with the device's memory.
        seconds: of the work, as the bill counts it, without loading.
        load_seconds: to load the model, where the worker does not hold it already.
        probe_seconds: of timing single requests.
        usd: of ``all_seconds`` at the hardware's price, whole GPUs; of tokens where others serve.
        tokens: name -> expected count, named as in receipts.
        calibrated: whether the seconds rest on measured rates.
        basis: what the seconds and tokens rest on.
        reason: why something is unknown.
        pace: which of the machine's rates the seconds are of (``ftbench.cost.speed.KINDS``).
        work: what they are of: ``ftbench.cost.speed.Work``.
    """

    kind: str
    hardware: str
    memory: dict[str, float] | None = None
    peak_bytes: float | None = None
    needs_bytes: float | None = None
    seconds: float | None = None
    load_seconds: float | None = None
    probe_seconds: float = 0.0
    usd: float | None = None
    tokens: dict[str, float] = field(default_factory=dict)
    calibrated: bool = False
    basis: str = ""
    reason: str | None = None
    pace: str | None = None
    work: dict[str, float] | None = None

    def as_dict(self) -> dict[str, Any]:
        # not asdict(): it copies deeply, which thousands of stages feel
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Forecast:
        return cls(**data)

    @property
    def all_seconds(self) -> float | None:
        """Everything that a receipt's total holds but imports."""
        return None if self.seconds is None else self.seconds + (self.load_seconds or 0.0) + self.probe_seconds


@dataclass(frozen=True)
class Subject:
    """What a stage computes with.

    Attributes:
        shape: of the model; None where its config is not here, ``unknown`` then says why.
        dtype: as the model names it, ``auto`` included.
        quantization: None, ``nf4`` or ``nf4_single``.
        attention: as the model names it.
        window: tokens of the context, or None.
        learnt: what the method's ``training`` says, or None for an untouched base.
        merged: whether the method's weights were merged into the base.
        method_unknown: why nothing is known of the method, or None.
    """

    shape: Architecture | None
    dtype: str
    quantization: str | None
    attention: str
    window: int | None
    learnt: Training | None = None
    merged: bool = False
    unknown: str | None = None
    method_unknown: str | None = None

    @property
    def adapter(self) -> Adapter | None:
        return None if self.learnt is None or self.merged else self.learnt.adapter


@dataclass(frozen=True)
class Asked:
    """How long the rows of a stage are.

    Attributes:
        prompts: of what is asked.
        answers: of the references, which stand in for answers that nobody knows yet; of targets when training or
            scoring.
        rows_whole: prompt, answer and end together, per sequence.
        held: the same of validation rows, or None.
        basis: how tokens were counted.
    """

    prompts: Lengths
    answers: Lengths
    rows_whole: Lengths
    held: Lengths | None
    basis: str


def on_gpu(hardware: Hardware) -> bool:
    return hardware.gpus > 0


def setting_of(subject: Subject, hardware: Hardware, precision: str = "auto") -> Setting:
    """Returns how the model computes there: ``auto`` is bfloat16 on a GPU and float32 elsewhere, as loading and
    training have it.
    """
    gpu = on_gpu(hardware)
    default = "bfloat16" if gpu else "float32"
    dtype = default if subject.dtype == "auto" else subject.dtype
    compute = dtype if precision == "weights" else default if precision == "auto" else precision
    compute = dtype if compute == "float32" else compute
    return Setting(dtype, compute, subject.quantization, subject.attention, "cuda" if gpu else "cpu")


def rates_of(hardware: Hardware, measured: Rates | None) -> Rates | None:
    """Returns measured rates, else the data sheet's, else None."""
    if measured is not None:
        return measured
    if hardware.peak_bf16_flops is None or hardware.bandwidth_bytes_per_second is None:
        return None
    return data_sheet(hardware.name, hardware.peak_bf16_flops, hardware.bandwidth_bytes_per_second)


def light(kind: str, hardware: Hardware, rates: Rates | None, rows: int | None) -> Forecast:
    """Returns the forecast of a stage that needs no model: its time where it was measured per row."""
    rate = None if rates is None else rates.light.get(kind)
    if rate is None or rows is None:
        reason = "computes on the CPU alone; its time is not forecast before a calibration"
        return Forecast(kind, hardware.name, reason=reason)
    seconds = rate.seconds(replace(NOTHING, rows=float(rows)))
    price, basis = usd(seconds, hardware.units, hardware.usd_per_hour), rates.basis if rates else ""
    return Forecast(kind, hardware.name, seconds=seconds, load_seconds=0.0, usd=price, calibrated=True, basis=basis)


def train(
    subject: Subject, training: Training, asked: Asked | None, hardware: Hardware, rates: Rates | None
) -> Forecast:
    """Returns the forecast of a training; without rows to look at, its memory at the longest row allowed."""
    if subject.shape is None:
        return Forecast("train", hardware.name, reason=subject.unknown)
    setting = setting_of(subject, hardware, training.precision)
    most = min((limit for limit in (training.max_tokens, subject.window) if limit is not None), default=None)
    if asked is None or not asked.rows_whole.values:
        if most is None:
            return Forecast("train", hardware.name, reason="no rows to look at and no longest row (method.max_tokens)")
        unseen = Forecast("train", hardware.name, reason=_NO_ROWS)
        return _sized(unseen, training_peak(subject.shape, setting, training, most))
    whole = Lengths.of(asked.rows_whole.values, asked.rows_whole.rows, most)
    held = Lengths.of(asked.held.values, asked.held.rows, subject.window) if asked.held is not None else None
    held_longest, held_mean, held_rows = (0, 0.0, 0) if held is None else (held.longest, held.mean, held.rows)
    longest = max(whole.longest, held_longest if training.validations else 0)
    padded = whole.mean if training.packing else whole.padded(training.batch_size * training.sequences)
    sequences, quantized = training.rows * training.sequences, subject.quantization is not None
    supervised = sequences * asked.answers.mean
    tokens = {"supervised": supervised, "non_pad": sequences * whole.mean, "padded": sequences * padded}
    work = training_work(subject.shape, training, padded, held_mean, held_rows, quantized)
    kind = QUANTISED if quantized else WHOLE if training.adapter is None else ADAPTER
    found = Forecast("train", hardware.name, tokens=tokens)
    found = _sized(found, training_peak(subject.shape, setting, training, longest))
    return _timed(found, subject, setting, kind, work, hardware, rates, asked.basis)


def generate(
    subject: Subject, asked: Asked | None, batch: int, cap: int, probes: int, hardware: Hardware, rates: Rates | None
) -> Forecast:
    """Returns the forecast of answering a split.

    Args:
        batch: requests at once.
        cap: most new tokens; memory is forecast for answers that reach it, time for answers as long as the references.
        probes: single requests that are timed one by one beside.
    """
    unknown = subject.unknown if subject.shape is None else subject.method_unknown
    shape = subject.shape
    if shape is None or unknown or asked is None or not asked.prompts.values:
        unseen = "the prompts could not be looked at, so tokens and time are unknown"
        return Forecast("generate", hardware.name, reason=unknown or unseen)
    setting, quantized = setting_of(subject, hardware, "weights"), subject.quantization is not None
    room = None if subject.window is None else max(1, subject.window - cap)
    prompts = Lengths.of(asked.prompts.values, asked.prompts.rows, room)
    answers = Lengths.of((value + 1 for value in asked.answers.values), asked.answers.rows, cap)
    terms = inference_peak(shape, setting, min(batch, prompts.rows), prompts.longest, cap, subject.adapter)
    weights = weight_bytes(shape, setting.dtype, setting.quantization)
    cache = kv_cache_bytes(shape, setting, 1)

    def asking(rows: int, at_once: int) -> Work:
        new = answers.padded(at_once) if at_once < prompts.rows else float(answers.longest)
        mean = prompts.mean
        return generation_work(shape, rows, at_once, mean, new, weights, cache, subject.adapter, quantized)

    tokens = {"prompt": prompts.rows * prompts.mean, "completion": prompts.rows * answers.mean}
    found = _sized(Forecast("generate", hardware.name, tokens=tokens), terms)
    kind = QUANTISED_GENERATE if quantized else GENERATE
    basis = f"{asked.basis}; answers as long as the references"
    timed = _timed(found, subject, setting, kind, asking(prompts.rows, batch), hardware, rates, basis)
    if rates is None or not probes:
        return timed
    rate = rates.of(kind)
    single = rate.seconds(asking(1, 1)) if rate is not None else 0.0
    timed = replace(timed, probe_seconds=single * (min(probes, prompts.rows) + 1))
    return replace(timed, usd=usd(timed.all_seconds, hardware.units, hardware.usd_per_hour))


def score(
    kind: str,
    subject: Subject,
    asked: Asked | None,
    batch: int,
    sequences: int,
    hardware: Hardware,
    rates: Rates | None,
) -> Forecast:
    """Returns the forecast of one forward pass over given rows (``likelihood``; ``reference``, two sequences a row)."""
    unknown = subject.unknown if subject.shape is None else subject.method_unknown
    if subject.shape is None or unknown or asked is None or not asked.rows_whole.values:
        return Forecast(kind, hardware.name, reason=unknown or _NO_ROWS)
    setting = setting_of(subject, hardware, "weights")
    whole = Lengths.of(asked.rows_whole.values, asked.rows_whole.rows, subject.window)
    shape, adapter, rows = subject.shape, subject.adapter, whole.rows * sequences
    terms = scoring_peak(shape, setting, min(batch, whole.rows), whole.longest, LOGIT_BUDGET_BYTES, adapter)
    work = scoring_work(shape, rows, batch, whole.mean, adapter, subject.quantization is not None)
    found = _sized(Forecast(kind, hardware.name, tokens={"non_pad": rows * whole.mean}), terms)
    return _timed(found, subject, setting, FORWARD, work, hardware, rates, asked.basis)


def merge(subject: Subject, hardware: Hardware, rates: Rates | None) -> Forecast:
    """Returns the forecast of merging an adapter: the weights are read and written once."""
    if subject.shape is None:
        return Forecast("merge", hardware.name, reason=subject.unknown)
    setting = setting_of(subject, hardware, "weights")
    weights = weight_bytes(subject.shape, setting.dtype, None)
    largest = max(linear.parameters for linear in subject.shape.linears)
    found = _sized(Forecast("merge", hardware.name), {"weights": weights, "workspace": largest * 4.0})
    if rates is None:
        return replace(found, reason=_NO_RATES)
    seconds = weights * rates.load_byte
    load = rates.load_start + weights * rates.load_byte
    price = usd(seconds + load, hardware.units, hardware.usd_per_hour)
    return replace(found, seconds=seconds, load_seconds=load, usd=price, calibrated=rates.calibrated, basis=rates.basis)


_NO_ROWS = "the rows could not be looked at, so tokens and time are unknown"
_NO_RATES = "no rates are known for this hardware; python -m ftbench calibrate measures them"


def _sized(found: Forecast, terms: Mapping[str, float]) -> Forecast:
    peak = total(terms)
    return replace(found, memory=dict(terms), peak_bytes=peak, needs_bytes=peak + CONTEXT_BYTES)


def _timed(
    found: Forecast,
    subject: Subject,
    setting: Setting,
    kind: str,
    work: Work,
    hardware: Hardware,
    rates: Rates | None,
    tokens: str,
) -> Forecast:
    found = replace(found, pace=kind, work=asdict(work))
    rate = None if rates is None else rates.of(kind)
    if rates is None or rate is None or subject.shape is None:
        return replace(found, basis=tokens, reason=_NO_RATES)
    seconds = rate.seconds(work)
    load = rates.load_start + weight_bytes(subject.shape, setting.dtype, None) * rates.load_byte
    price = usd(seconds + load, hardware.units, hardware.usd_per_hour)
    found = replace(found, seconds=seconds, load_seconds=load, usd=price)
    return replace(found, calibrated=rates.calibrated, basis=f"{rates.basis}; {tokens}")
