"""The forecast pass: every stage of a plan with what it will need and take, and the cells that cannot fit their
hardware.

Components are asked what they train and how long their prompts are (``training``, ``sketch``, ``file``); who does not
say gets no forecast and a reason, never 0.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ftbench.compile.row_lengths import RowLengths, component, trainable
from ftbench.core.component import Component
from ftbench.core.errors import Problem
from ftbench.core.example import Splits
from ftbench.core.stage import Stage
from ftbench.core.training import Training
from ftbench.cost import fit, forecast
from ftbench.cost.architecture import Architecture, architecture, catalogue
from ftbench.cost.calibration import Calibration, rates_for
from ftbench.cost.forecast import Asked, Forecast, Subject
from ftbench.cost.hardware import Hardware
from ftbench.cost.lengths import Lengths
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
        self.lengths = RowLengths()

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
            why = (
                f"{one.kind} does not fit: needs {one.needs_bytes / GB:.0f} GB of {limit / GB:.0f}, which is"
                f" {limit / 2**30:.0f} GiB ({terms_text(one)})"
            )
            found.append(Problem(f"hardware={hardware.name}", why, self._fixes(stages[key], hardware, splits, limit)))
        return found

    # -- one stage --------------------------------------------------------------------------------------------------

    def _once(self, stage: Stage, hardware: Hardware, splits: Splits | None) -> Forecast:
        own = self.found.setdefault(stage.key, {})
        if hardware.name not in own:
            own[hardware.name] = self._stage(stage, hardware, splits)
        return own[hardware.name]

    def _stage(self, stage: Stage, hardware: Hardware, splits: Splits | None) -> Forecast:
        model = component(stage, "model")
        rates = forecast.rates_of(hardware, rates_for(self.calibrations, hardware, model and model.checkpoint))
        if stage.kind in forecast.LIGHT:
            return forecast.light(stage.kind, hardware, rates, _light_rows(stage, splits))
        price = TokenPrice.of(stage.config.get("model", {}))
        if price is not None:
            return self._hosted(stage, model, hardware, price, splits)
        if model is None:
            return _no_formula(stage, hardware)
        if stage.kind == "train":
            training, unknown = self._training(component(stage, "method"), splits)
            if training is None:
                return Forecast("train", hardware.name, reason=unknown)
            return forecast.train(
                self._subject(model, None, False),
                training,
                self.lengths.trained(stage, training, splits),
                hardware,
                rates,
            )
        if stage.kind == "merge":
            return forecast.merge(self._subject(model, None, False), hardware, rates)
        subject = self._subject(
            model, component(stage, "method") if "weights" in stage.inputs else None, "merged" in stage.inputs
        )
        if stage.kind == "generate":
            return self._generated(stage, subject, self.lengths.questions(stage, splits), hardware, rates)
        if stage.kind == "likelihood":
            asked = self.lengths.questions(stage, splits)
            return self._fitting(
                lambda size: forecast.score("likelihood", subject, asked, size, 1, hardware, rates),
                SCORED_BATCH,
                hardware,
            )
        if stage.kind == "reference":
            asked = self.lengths.pairs(stage, splits)
            return self._fitting(
                lambda size: forecast.score("reference", subject, asked, size, 2, hardware, rates),
                SCORED_BATCH,
                hardware,
            )
        return _no_formula(stage, hardware)

    def answered(self, stage: Stage, hardware: Hardware, prompts: Sequence[int], answers: Sequence[int]) -> Forecast:
        """Returns the forecast of a ``generate`` stage at the lengths that it turned out to have: what is wrong with it
        is then wrong with the rates.

        Args:
            prompts, answers: tokens of each row, stop tokens included.
        """
        model = component(stage, "model")
        rates = forecast.rates_of(hardware, rates_for(self.calibrations, hardware, model and model.checkpoint))
        subject = self._subject(
            model, component(stage, "method") if "weights" in stage.inputs else None, "merged" in stage.inputs
        )
        rows = len(prompts)
        asked = Asked(
            Lengths.of(prompts, rows),
            Lengths.of((count - 1 for count in answers), rows),
            Lengths((), rows),
            None,
            "lengths as they turned out",
        )
        return self._generated(stage, subject, asked, hardware, rates)

    def _generated(
        self, stage: Stage, subject: Subject, asked: Asked | None, hardware: Hardware, rates: Rates | None
    ) -> Forecast:
        decoding = component(stage, "decoding")
        batch, cap, probes = decoding.first_batch, decoding.max_new_tokens, decoding.latency_requests
        return self._fitting(
            lambda size: forecast.generate(subject, asked, size, cap, probes, hardware, rates), batch, hardware
        )

    def _fitting(self, make: Any, batch: int, hardware: Hardware) -> Forecast:
        """Returns the forecast at the largest batch that fits, as a run halves it where memory runs out; at one row
        where none does.
        """
        found: Forecast = make(batch)
        while (
            batch > 1
            and hardware.memory_bytes is not None
            and found.needs_bytes is not None
            and found.needs_bytes > hardware.memory_bytes
        ):
            batch //= 2
            found = make(batch)
        return found

    def _hosted(
        self, stage: Stage, model: Component, hardware: Hardware, price: TokenPrice, splits: Splits | None
    ) -> Forecast:
        asked = self.lengths.questions(stage, splits) if stage.kind == "generate" else None
        if asked is None:
            return Forecast(stage.kind, hardware.name, reason="served elsewhere; its tokens could not be looked at")
        cap = component(stage, "decoding").max_new_tokens  # type: ignore[attr-defined]
        rows = asked.prompts.rows
        answers = Lengths.of((value + 1 for value in asked.answers.values), rows, cap)
        tokens = {"prompt": rows * asked.prompts.mean, "completion": rows * answers.mean}
        usd = price.usd({name: round(count) for name, count in tokens.items()})
        basis = f"{price.text()}; {asked.basis}; answers as long as the references"
        return Forecast(
            stage.kind,
            hardware.name,
            usd=usd,
            tokens=tokens,
            basis=basis,
            reason="served elsewhere: how long it takes is its host's affair",
        )

    # -- what components say of themselves ----------------------------------------------------------------------------

    def _subject(self, model: Any, method: Any, merged: bool) -> Subject:
        shape, unknown = self._shape(model)
        learnt, missing = None, None
        if method is not None and not merged:
            learnt, missing = self._training(method, None)
        loaded = model.loaded_as()
        window = loaded.context_tokens or (shape.window if shape is not None else None)
        return Subject(
            shape,
            loaded.dtype,
            loaded.quantization,
            loaded.attention,
            window,
            learnt,
            merged,
            unknown,
            missing,
        )

    def _shape(self, model: Any) -> tuple[Architecture | None, str | None]:
        name = model.checkpoint or type(model).__name__
        if name not in self._shapes:
            self._shapes[name] = _shape(model, name)
        return self._shapes[name]

    def _training(self, method: Any, splits: Splits | None) -> tuple[Training | None, str | None]:
        told: Training | None = method.training(1)
        if told is None:
            return None, f"{type(method).__name__} does not say what it trains (training), so there is no forecast"
        return method.training(max(1, len(trainable(splits.train, told.reads)))) if splits is not None else told, None

    # -- what would fit -----------------------------------------------------------------------------------------------

    def _fixes(self, stage: Stage, hardware: Hardware, splits: Splits | None, limit: int) -> str:
        model, method = component(stage, "model"), component(stage, "method")
        subject = self._subject(model, None, False)
        training, _ = self._training(method, splits) if stage.kind == "train" else (None, None)
        if training is None or subject.shape is None:
            smaller = "" if subject.quantization else "model.quantization=nf4, "
            return f"Take {smaller}a smaller model, or hardware with more memory"
        asked = self.lengths.trained(stage, training, splits)
        longest = min(
            asked.rows_whole.longest if asked is not None else training.max_tokens or 1,
            training.max_tokens or math.inf,
            subject.window or math.inf,
        )
        shape = subject.shape

        def needs(run: Training, quantization: str | None) -> float:
            own = forecast.setting_of(
                replace(subject, quantization=quantization or subject.quantization), hardware, run.precision
            )
            return sum(training_peak(shape, own, run, int(longest)).values()) + CONTEXT_BYTES

        def sharded(run: Training, gpus: int) -> float:
            """ZeRO-3 (Rajbhandari et al. 2020, section 5.3): weights, gradients and optimizer state are divided, the
            rest is not.
            """
            terms = training_peak(shape, forecast.setting_of(subject, hardware, run.precision), run, int(longest))
            divided = sum(terms[name] for name in ("weights", "gradients", "optimizer"))
            return divided / gpus + sum(terms.values()) - divided + CONTEXT_BYTES

        found = fit.remedies(training, subject.quantization is not None, limit, needs, sharded)
        if not found:
            return "No change of this training fits: take a smaller model, or hardware with more memory"
        return "Would fit: " + "; ".join(remedy.text() for remedy in found)


def _no_formula(stage: Stage, hardware: Hardware) -> Forecast:
    return Forecast(stage.kind, hardware.name, reason=f"there is no formula for a {stage.kind} stage")


def terms_text(found: Forecast) -> str:
    """Returns such as ``weights 27.0, optimizer 53.9, gradients 27.0 GB``, largest first, nothing below 0.05."""
    terms = sorted((found.memory or {}).items(), key=lambda term: -term[1])
    return ", ".join(f"{name} {amount / GB:.1f}" for name, amount in terms if amount >= 0.05 * GB) + " GB"


def _shape(model: Any, name: str) -> tuple[Architecture | None, str | None]:
    path = model.file("config.json")
    try:
        config = json.loads(path.read_text(encoding="utf-8")) if path is not None else catalogue().get(name)
    except ValueError as error:  # bytes that are no UTF-8 too
        return None, f"the config.json of {name} cannot be read ({error})"
    if config is None:
        return None, f"the config.json of {name} is not here and its shape is not in the catalogue"
    if not isinstance(config, Mapping):
        return None, f"the config.json of {name} holds no object"
    found = architecture(config)
    return (
        found,
        (
            None
            if found is not None
            else f"the config.json of {name} ({config.get('model_type')}) has no shape that the forecast knows"
        ),
    )


def _light_rows(stage: Stage, splits: Splits | None) -> int | None:
    if splits is None:
        return None
    rows, documents = sum(len(splits.split(name)) for name in ("train", "validation", "test")), len(splits.documents)
    return {"prepare": rows, "check": rows + documents, "tokens": rows, "documents": documents, "index": documents}.get(
        stage.kind, len(splits.test)
    )
