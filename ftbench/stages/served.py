"""The model that a cell ships, ready to be asked: its base with the weights attached, or the folder of whole weights by
itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ftbench.core.job import Job

MODEL = "model"
"""Folder, inside a stage's that writes whole weights, that any transformers program loads."""


@contextmanager
def served(job: Job) -> Iterator[Any]:
    """Context manager: yields ``ftbench.models.loaded.Loaded``; loading goes into the phase ``load``.

    Whole weights are loaded from their folder, and stay for the cell's next stage: no base is read to be written over.
    """
    model = job.component("model")
    # lm-eval asks an untouched base without naming any method
    method = job.component("method") if "method" in job.stage.config else None
    whole = "merged" if "merged" in job.inputs else "weights" if method is not None and method.saves_model else None
    with job.phase("load"):
        if whole is None:
            loaded = job.resident.get(model)
        else:
            loaded = job.resident.get(model.with_weights(job.inputs[whole] / MODEL), key=job.stage.inputs[whole])
    if whole is not None or method is None:
        yield loaded
        return
    with method.attach(loaded, job.inputs.get("weights")):
        yield loaded


@contextmanager
def engine(job: Job) -> Iterator[Any]:
    """Context manager: yields ``ftbench.models.vllm_engine.Engine`` over the base or the merged folder; nothing else
    stays on the device.
    """
    model, merged = job.component("model"), job.inputs.get("merged")
    with job.phase("load"):
        job.resident.free()
        started = (model if merged is None else model.with_weights(merged / MODEL)).engine(job.stage.config["seed"])
    try:
        yield started
    finally:
        started.close()
