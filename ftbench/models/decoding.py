"""How answers are decoded: the same for every compared cell, whatever a checkpoint's own generation config says."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ftbench.core.component import Component
from ftbench.core.errors import Problem, Problems, did_you_mean

TRANSFORMERS, VLLM = BACKENDS = ("transformers", "vllm")
FIRST_BATCH = 16


@dataclass(frozen=True)
class Decoding(Component):
    """Decoding settings.

    Attributes:
        do_sample: False is greedy.
        temperature, top_p, top_k: for sampling; must be 1.0, 1.0 and 0 (off) while greedy.
        max_new_tokens: cap on an answer's length; an answer that hits it has finish ``length``.
        stop: texts that end an answer and are cut off with what follows; none by default.
        batch_size: requests at once, halved where memory runs out; null begins with ``FIRST_BATCH`` and doubles on a
            GPU until it does. Neutral for greedy answers: they do not depend on the batch (mistake 12).
        latency_requests: how many requests are timed one by one, apart from the batches.
        backend: what generates: ``transformers``, or ``vllm`` for whole weights on a GPU. An endpoint decodes by its
            own.
    """

    axis: ClassVar[str] = "decoding"
    key_name: ClassVar[str] = "generate"

    NEUTRAL = ("batch_size", "latency_requests")
    SILENT_AT_DEFAULT: ClassVar[Mapping[str, Any]] = {"backend": TRANSFORMERS}

    do_sample: bool
    temperature: float
    top_p: float
    top_k: int
    max_new_tokens: int
    stop: list[str]
    batch_size: int | None
    latency_requests: int
    backend: str

    @property
    def first_batch(self) -> int:
        """The batch to begin with, and what a forecast reckons with."""
        return FIRST_BATCH if self.batch_size is None else self.batch_size

    @property
    def seeded(self) -> bool:
        return self.do_sample

    def identity(self) -> dict[str, Any]:
        """Returns what decides an answer. Sampled answers depend on who shares a batch, so there its size counts."""
        parts = super().identity()
        return {**parts, "batch_size": self.batch_size} if self.do_sample else parts

    def missing(self) -> list[Problem]:
        """Returns why this decoding, though it can be planned with, cannot be run here."""
        if self.backend == TRANSFORMERS or importlib.util.find_spec(self.backend) is not None:
            return []
        why = f"the package {self.backend} is not installed"
        return [Problem("decoding.backend", why, f"pip install {self.backend}, or decoding.backend={TRANSFORMERS}")]

    def check(self) -> list[Problem]:
        problems = Problems()
        for name, least in (("max_new_tokens", 1), ("batch_size", 1), ("latency_requests", 0), ("top_k", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                problems.add(f"decoding.{name}", f"{value} is too small", f"Give at least {least}")
        if self.batch_size is None and self.do_sample:
            why = "null, and sampled answers depend on who shares a batch"
            problems.add("decoding.batch_size", why, f"Give a number, such as {FIRST_BATCH}")
        if self.backend not in BACKENDS:
            problems.add("decoding.backend", f"{self.backend!r} is no backend", did_you_mean(self.backend, BACKENDS))
        if "" in self.stop:
            problems.add("decoding.stop", "holds an empty text, which ends every answer at once", "Remove it")
        if self.do_sample:
            if self.temperature <= 0:
                why = f"{self.temperature} cannot be sampled with"
                problems.add("decoding.temperature", why, "Give more than 0, or do_sample=false")
            if not 0 < self.top_p <= 1:
                problems.add("decoding.top_p", f"{self.top_p} is no probability", "Give more than 0 and at most 1")
        else:
            for name, off in (("temperature", 1.0), ("top_p", 1.0), ("top_k", 0)):
                if getattr(self, name) != off:
                    why = f"{getattr(self, name)} has no effect while greedy"
                    problems.add(f"decoding.{name}", why, "Set decoding.do_sample=true")
        return problems
