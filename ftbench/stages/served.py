"""The model that a cell ships, ready to be asked: its base with the weights attached, or the merged folder by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ftbench.core.job import Job

MODEL = "model"
"""Folder, inside a merge stage's, that any transformers program loads."""


@contextmanager
def served(job: Job) -> Iterator[Any]:
    """Context manager: yields ``ftbench.models.loaded.Loaded``; loading goes into the phase ``load``."""
    model, merged = job.component("model"), job.inputs.get("merged")
    with job.phase("load"):
        if merged is None:
            loaded = job.resident.get(model)
        else:
            loaded = job.resident.get(model.moved(merged / MODEL), key=job.stage.inputs["merged"])
    if merged is not None or "method" not in job.stage.config:  # lm-eval asks an untouched base without naming any method
        yield loaded
        return
    with job.component("method").attach(loaded, job.inputs.get("weights")):
        yield loaded


@contextmanager
def engine(job: Job) -> Iterator[Any]:
    """Context manager: yields ``ftbench.models.vllm_engine.Engine`` over the base or the merged folder; nothing else stays on the device."""
    model, merged = job.component("model"), job.inputs.get("merged")
    with job.phase("load"):
        job.resident.free()
        started = (model if merged is None else model.moved(merged / MODEL)).engine(job.stage.config["seed"])
    try:
        yield started
    finally:
        started.close()
