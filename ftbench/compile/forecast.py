"""The forecast pass: every stage of a plan with what it will need and take, and the cells that cannot fit their hardware.

Components are asked what they train and how long their prompts are (``training``, ``sketch``, ``file``); who does not say gets no
forecast and a reason, never 0.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ftbench.core.canonical import canonical
from ftbench.core.component import Component, build
from ftbench.core.errors import Problem
from ftbench.core.example import Example, Splits
from ftbench.core.stage import Stage
from ftbench.core.training import Training
from ftbench.cost import fit, forecast
from ftbench.cost.architecture import Architecture, architecture, catalogue
from ftbench.cost.calibration import Calibration, rates_for
from ftbench.cost.forecast import Asked, Forecast, Subject
from ftbench.cost.hardware import Hardware
from ftbench.cost.lengths import Counter, Lengths, counter, sampled
from ftbench.cost.memory import CONTEXT_BYTES, GB, training_peak
from ftbench.cost.speed import Rates
from ftbench.cost.tokens import TokenPrice

SCORED_BATCH = 16
"""Rows at once of stages that have no decoding of their own."""


class Forecaster:
    """Forecasts the stages of one matrix, each once per hardware.

    Args:
        calibrations: of the store, newest first.
    """

    def __init__(self, calibrations: Sequence[Calibration]) -> None:
        self.calibrations = calibrations
        self.found: dict[str, dict[str, Forecast]] = {}
        self._shapes: dict[str, tuple[Architecture | None, str | None]] = {}
        self._counters: dict[str, Counter] = {}
        self._asked: dict[str, Asked | None] = {}

    def cell(self, hardware: Hardware, stages: Mapping[str, Stage], splits: Splits | None) -> dict[str, Forecast]:
        """Returns stage key -> forecast for the stages of one cell, inputs before readers."""
        return {key: self._once(stage, hardware, splits) for key, stage in stages.items()}

    def problems(self, hardware: Hardware, stages: Mapping[str, Stage], splits: Splits | None) -> list[Problem]:
        """Returns why the stages of a cell cannot fit its hardware, with the nearest changes that would."""
        limit = hardware.memory_bytes
        found = []
        for key, one in self.cell(hardware, stages, splits).items():
            if limit is None or one.needs_bytes is None or one.needs_bytes <= limit:
                continue
            why = f"{one.kind} does not fit: needs {one.needs_bytes / GB:.0f} GB of {limit / GB:.0f}, which is {limit / 2**30:.0f} GiB ({terms_text(one)})"
            found.append(Problem(f"hardware={hardware.name}", why, self._fixes(stages[key], hardware, splits, limit)))
        return found

    # -- one stage --------------------------------------------------------------------------------------------------

    def _once(self, stage: Stage, hardware: Hardware, splits: Splits | None) -> Forecast:
        own = self.found.setdefault(stage.key, {})
        if hardware.name not in own:
            own[hardware.name] = self._stage(stage, hardware, splits)
        return own[hardware.name]

    def _stage(self, stage: Stage, hardware: Hardware, splits: Splits | None) -> Forecast:
        model = _component(stage, "model")
        rates = forecast.rates_of(hardware, rates_for(self.calibrations, hardware, getattr(model, "name_or_path", None)))
        if stage.kind in forecast.LIGHT:
            return forecast.light(stage.kind, hardware, rates, _light_rows(stage, splits))
        price = TokenPrice.of(stage.config.get("model", {}))
        if price is not None:
            return self._hosted(stage, model, hardware, price, splits)
        if stage.kind == "train":
            training, unknown = self._training(_component(stage, "method"), splits)
            if training is None:
                return Forecast("train", hardware.name, reason=unknown)
            return forecast.train(self._subject(model, None, False), training, self._trained(stage, training, splits), hardware, rates)
        if stage.kind == "merge":
            return forecast.merge(self._subject(model, None, False), hardware, rates)
        subject = self._subject(model, _component(stage, "method") if "weights" in stage.inputs else None, "merged" in stage.inputs)
        if stage.kind == "generate":
            return self._generated(stage, subject, self._questions(stage, splits), hardware, rates)
        if stage.kind == "likelihood":
            asked = self._questions(stage, splits)
            return self._fitting(lambda size: forecast.score("likelihood", subject, asked, size, 1, hardware, rates), SCORED_BATCH, hardware)
        if stage.kind == "reference":
            asked = self._pairs(stage, splits)
            return self._fitting(lambda size: forecast.score("reference", subject, asked, size, 2, hardware, rates), SCORED_BATCH, hardware)
        return Forecast(stage.kind, hardware.name, reason=f"there is no formula for a {stage.kind} stage")

    def answered(self, stage: Stage, hardware: Hardware, prompts: Sequence[int], answers: Sequence[int]) -> Forecast:
        """Returns the forecast of a ``generate`` stage at the lengths that it turned out to have: what is wrong with it is then wrong with the rates.

        Args:
            prompts, answers: tokens of each row, stop tokens included.
        """
        model = _component(stage, "model")
        rates = forecast.rates_of(hardware, rates_for(self.calibrations, hardware, getattr(model, "name_or_path", None)))
        subject = self._subject(model, _component(stage, "method") if "weights" in stage.inputs else None, "merged" in stage.inputs)
        rows = len(prompts)
        asked = Asked(Lengths.of(prompts, rows), Lengths.of((count - 1 for count in answers), rows), Lengths((), rows), None, "lengths as they turned out")
        return self._generated(stage, subject, asked, hardware, rates)

    def _generated(self, stage: Stage, subject: Subject, asked: Asked | None, hardware: Hardware, rates: Rates | None) -> Forecast:
        decoding = _component(stage, "decoding")
        batch, cap, probes = (getattr(decoding, name) for name in ("batch_size", "max_new_tokens", "latency_requests"))
        return self._fitting(lambda size: forecast.generate(subject, asked, size, cap, probes, hardware, rates), batch, hardware)

    def _fitting(self, make: Any, batch: int, hardware: Hardware) -> Forecast:
        """Returns the forecast at the largest batch that fits, as a run halves it where memory runs out; at one row where none does."""
        found: Forecast = make(batch)
        while batch > 1 and hardware.memory_bytes is not None and found.needs_bytes is not None and found.needs_bytes > hardware.memory_bytes:
            batch //= 2
            found = make(batch)
        return found

    def _hosted(self, stage: Stage, model: Component, hardware: Hardware, price: TokenPrice, splits: Splits | None) -> Forecast:
        asked = self._questions(stage, splits) if stage.kind == "generate" else None
        if asked is None:
            return Forecast(stage.kind, hardware.name, reason="served elsewhere; its tokens could not be looked at")
        cap = _component(stage, "decoding").max_new_tokens  # type: ignore[attr-defined]
        rows = asked.prompts.rows
        answers = Lengths.of((value + 1 for value in asked.answers.values), rows, cap)
        tokens = {"prompt": rows * asked.prompts.mean, "completion": rows * answers.mean}
        usd = price.usd({name: round(count) for name, count in tokens.items()})
        basis = f"{price.text()}; {asked.basis}; answers as long as the references"
        return Forecast(stage.kind, hardware.name, usd=usd, tokens=tokens, basis=basis, reason="served elsewhere: how long it takes is its host's affair")

    # -- what components say of themselves ----------------------------------------------------------------------------

    def _subject(self, model: Any, method: Any, merged: bool) -> Subject:
        shape, unknown = self._shape(model)
        learnt, missing = None, None
        if method is not None and not merged:
            learnt, missing = self._training(method, None)
        window = getattr(model, "context_tokens", None) or (shape.window if shape is not None else None)
        return Subject(
            shape, getattr(model, "dtype", "auto"), getattr(model, "quantization", None), getattr(model, "attention", "sdpa"), window, learnt, merged, unknown, missing,
        )  # fmt: skip

    def _shape(self, model: Any) -> tuple[Architecture | None, str | None]:
        name = str(getattr(model, "name_or_path", type(model).__name__))
        if name not in self._shapes:
            self._shapes[name] = _shape(model, name)
        return self._shapes[name]

    def _training(self, method: Any, splits: Splits | None) -> tuple[Training | None, str | None]:
        tell = getattr(method, "training", None)
        if tell is None:
            return None, f"{type(method).__name__} does not say what it trains (training), so there is no forecast"
        told: Training = tell(1)
        return tell(max(1, len(_trainable(splits.train, told.reads)))) if splits is not None else told, None

    def _count(self, model: Any) -> Counter:
        name = str(getattr(model, "name_or_path", type(model).__name__))
        if name not in self._counters:
            find = getattr(model, "file", None)
            self._counters[name] = counter(find("tokenizer.json") if find else None)
        return self._counters[name]

    # -- lengths ------------------------------------------------------------------------------------------------------

    def _trained(self, stage: Stage, training: Training, splits: Splits | None) -> Asked | None:
        if splits is None:
            return None
        count, context = self._count(_component(stage, "model")), _component(stage, "context")
        memo = canonical(["train", stage.inputs["prepare"], count.basis, id(count), training.reads, context and context.identity()])
        if memo not in self._asked:
            rows, held = _trainable(splits.train, training.reads), _trainable(splits.validation, training.reads)
            seed = stage.config.get("seed") or 0
            prompts, answers = _sequences(_within(rows, context, splits, seed), training.reads, count)
            before, after = _sequences(_within(held, context, splits, seed), training.reads, count)
            self._asked[memo] = Asked(
                Lengths.of(prompts, len(rows)), Lengths.of(answers, len(rows)), _whole(prompts, answers, len(rows)),
                _whole(before, after, len(held)) if held else None, count.basis,
            )  # fmt: skip
        return self._asked[memo]

    def _pairs(self, stage: Stage, splits: Splits | None) -> Asked | None:
        if splits is None:
            return None
        rows = [*_trainable(splits.train, "preferences"), *_trainable(splits.validation, "preferences")]
        count = self._count(_component(stage, "model"))
        prompts, answers = _sequences(sampled(rows), "preferences", count)
        return Asked(Lengths.of(prompts, len(rows)), Lengths.of(answers, len(rows)), _whole(prompts, answers, len(rows)), None, count.basis)

    def _questions(self, stage: Stage, splits: Splits | None) -> Asked | None:
        """Returns the lengths of a split's prompts under the stage's context; None where the context does not sketch them."""
        context: Any = _component(stage, "context")
        if splits is None or not hasattr(context, "sketch"):
            return None
        model, split = _component(stage, "model"), stage.config["split"]
        count = self._count(model)
        memo = canonical(["ask", stage.inputs["prepare"], id(count), context.identity(), split])
        if memo not in self._asked:
            rows = splits.split(split)
            chosen = sampled(rows)
            prompts = [count.turns(request.turns) for request in context.sketch(chosen, splits, stage.config.get("seed") or 0)]
            answers = [count.count(example.references[0] if example.references else example.target or "") for example in chosen]
            self._asked[memo] = Asked(Lengths.of(prompts, len(rows)), Lengths.of(answers, len(rows)), _whole(prompts, answers, len(rows)), None, count.basis)
        return self._asked[memo]

    # -- what would fit -----------------------------------------------------------------------------------------------

    def _fixes(self, stage: Stage, hardware: Hardware, splits: Splits | None, limit: int) -> str:
        model, method = _component(stage, "model"), _component(stage, "method")
        subject = self._subject(model, None, False)
        training, _ = self._training(method, splits) if stage.kind == "train" else (None, None)
        if training is None or subject.shape is None:
            smaller = "" if subject.quantization else "model.quantization=nf4, "
            return f"Take {smaller}a smaller model, or hardware with more memory"
        asked = self._trained(stage, training, splits)
        longest = min(asked.rows_whole.longest if asked is not None else training.max_tokens or 1, training.max_tokens or math.inf, subject.window or math.inf)
        shape = subject.shape

        def needs(run: Training, quantization: str | None) -> float:
            own = forecast.setting_of(replace(subject, quantization=quantization or subject.quantization), hardware, run.precision)
            return sum(training_peak(shape, own, run, int(longest)).values()) + CONTEXT_BYTES

        def sharded(run: Training, gpus: int) -> float:
            """ZeRO-3 (Rajbhandari et al. 2020, section 5.3): weights, gradients and optimizer state are divided, the rest is not."""
            terms = training_peak(shape, forecast.setting_of(subject, hardware, run.precision), run, int(longest))
            divided = sum(terms[name] for name in ("weights", "gradients", "optimizer"))
            return divided / gpus + sum(terms.values()) - divided + CONTEXT_BYTES

        found = fit.remedies(training, subject.quantization is not None, limit, needs, sharded)
        if not found:
            return "No change of this training fits: take a smaller model, or hardware with more memory"
        return "Would fit: " + "; ".join(remedy.text() for remedy in found)


def terms_text(found: Forecast) -> str:
    """Returns such as ``weights 27.0, optimizer 53.9, gradients 27.0 GB``, largest first, nothing below 0.05."""
    terms = sorted((found.memory or {}).items(), key=lambda term: -term[1])
    return ", ".join(f"{name} {amount / GB:.1f}" for name, amount in terms if amount >= 0.05 * GB) + " GB"


def summary(cells: Mapping[str, tuple[str, Sequence[str]]], stages: Mapping[str, Stage], found: Mapping[str, Mapping[str, Forecast]]) -> dict[str, Any]:
    """Returns what ``plan.json`` holds: ``stages``, ``cells`` as if each ran alone, and ``total`` with every stage and every model's loading once.

    Args:
        cells: id -> hardware's name and the keys of all stages that it needs.
    """
    per_cell = {identity: _of_cell([found[key][hardware] for key in keys]) for identity, (hardware, keys) in cells.items()}
    first = {key: found[key][hardware] for hardware, keys in reversed(list(cells.values())) for key in keys}
    once = [first[key] for key in stages if key in first]
    loads = {stages[key].held: one.load_seconds for key, one in first.items() if stages[key].held is not None}
    parts = [None if one.seconds is None else one.seconds + one.probe_seconds for one in once if one.kind not in forecast.LIGHT or one.seconds is not None]
    seconds = _sum([*parts, *loads.values()])
    loading = {stages[key].held: key for key in first if stages[key].held is not None}
    usd = _sum([_usd(one, loads=key in loading.values()) for key, one in first.items() if _priced(one)])
    return {
        "stages": {key: {name: one.as_dict() for name, one in own.items()} for key, own in found.items() if key in stages},
        "cells": per_cell,
        "total": {"seconds": seconds, "usd": usd, "calibrated": bool(once) and all(one.calibrated for one in once if one.seconds is not None), "unknown": _reasons(once)},
    }


def _usd(one: Forecast, *, loads: bool) -> float | None:
    """Returns the dollars of a stage in a run: its loading only where no stage before it left the model there."""
    if loads or one.usd is None or not one.all_seconds:
        return one.usd  # served elsewhere, or unknown
    return one.usd * (one.all_seconds - (one.load_seconds or 0.0)) / one.all_seconds


def _priced(one: Forecast) -> bool:
    """Tells whether a stage counts in dollars: what the CPU does alone where it has seconds and a price, all else always."""
    return one.kind not in forecast.LIGHT or one.usd is not None


def _of_cell(stages: Sequence[Forecast]) -> dict[str, Any]:
    heavy = [one for one in stages if one.kind not in forecast.LIGHT]
    sized = [one for one in heavy if one.needs_bytes is not None]
    fullest = max(sized, key=lambda one: one.needs_bytes or 0.0, default=None)
    parts = [one.all_seconds for one in stages if one.kind not in forecast.LIGHT or one.seconds is not None]
    trained = [one for one in heavy if one.kind in ("train", "reference", "merge")]
    return {
        "peak_bytes": fullest.peak_bytes if fullest else None,
        "needs_bytes": fullest.needs_bytes if fullest else None,
        "peak_stage": fullest.kind if fullest else None,
        "memory": fullest.memory if fullest else None,
        "seconds": _sum(parts) if heavy else None,
        "train_seconds": _sum([one.all_seconds for one in trained]) if trained else 0.0,
        "usd": _sum([one.usd for one in stages if _priced(one)]) if heavy else None,
        "calibrated": bool(heavy) and all(one.calibrated for one in heavy),
        "unknown": _reasons(heavy),
    }


def _reasons(stages: Iterable[Forecast]) -> list[str]:
    kinds: dict[str, list[str]] = {}
    for one in stages:
        if one.reason and one.kind not in forecast.LIGHT:
            kinds.setdefault(one.reason, []).append(one.kind)
    return [f"{', '.join(dict.fromkeys(own))}: {reason}" for reason, own in kinds.items()]


def _sum(parts: Sequence[float | None]) -> float | None:
    """Returns the sum, None as soon as one part is unknown (DESIGN 6, number 31)."""
    return None if any(part is None for part in parts) else math.fsum(part for part in parts if part is not None)


def needed(stages: Mapping[str, Stage], roles: Mapping[str, str]) -> list[str]:
    """Returns the keys of all stages that a cell needs, those behind its roles too, in the plan's order."""
    wanted: set[str] = set()

    def walk(key: str) -> None:
        if key not in wanted:
            wanted.add(key)
            for earlier in stages[key].inputs.values():
                walk(earlier)

    for key in roles.values():
        walk(key)
    return [key for key in stages if key in wanted]


def _component(stage: Stage, role: str) -> Any:
    node = stage.config.get(role)
    return None if node is None else build(node, role)


def _shape(model: Any, name: str) -> tuple[Architecture | None, str | None]:
    find = getattr(model, "file", None)
    path = find("config.json") if find else None
    try:
        config = json.loads(path.read_text(encoding="utf-8")) if path is not None else catalogue().get(name)
    except ValueError as error:  # bytes that are no UTF-8 too
        return None, f"the config.json of {name} cannot be read ({error})"
    if config is None:
        return None, f"the config.json of {name} is not here and its shape is not in the catalogue"
    if not isinstance(config, Mapping):
        return None, f"the config.json of {name} holds no object"
    found = architecture(config)
    return found, None if found is not None else f"the config.json of {name} ({config.get('model_type')}) has no shape that the forecast knows"


def _light_rows(stage: Stage, splits: Splits | None) -> int | None:
    if splits is None:
        return None
    rows, documents = sum(len(splits.split(name)) for name in ("train", "validation", "test")), len(splits.documents)
    return {"prepare": rows, "check": rows + documents, "tokens": rows, "documents": documents, "index": documents}.get(stage.kind, len(splits.test))


def _trainable(rows: Sequence[Example], reads: str) -> list[Example]:
    if reads == "targets":
        return [row for row in rows if row.target is not None]
    return [row for row in rows if row.chosen is not None and row.rejected is not None]


def _within(rows: Sequence[Example], context: Any, splits: Splits, seed: int) -> list[Example]:
    """Returns sampled rows as they are trained on: with the passages of the context that stands in the train stage, where one does."""
    chosen = sampled(rows)
    if not hasattr(context, "sketch"):
        return chosen
    return [replace(row, turns=asked.turns) for row, asked in zip(chosen, context.sketch(chosen, splits, seed), strict=True)]


def _sequences(rows: Sequence[Example], reads: str, count: Counter) -> tuple[list[int], list[int]]:
    """Returns tokens of prompts and of what follows them, one entry per sequence."""
    prompts, answers = [], []
    for row in rows:
        before = count.turns(row.turns)
        texts = {"targets": (row.target,), "chosen": (row.chosen,), "preferences": (row.chosen, row.rejected)}[reads]
        for text in texts:
            prompts.append(before)
            answers.append(count.count(text or "") + 1)
    return prompts, answers


def _whole(prompts: Sequence[int], answers: Sequence[int], rows: int) -> Lengths:
    return Lengths.of((before + after for before, after in zip(prompts, answers, strict=True)), rows)
