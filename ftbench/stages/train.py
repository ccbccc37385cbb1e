"""The train stage: one method's weights over one base, from the train split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ftbench.core.example import Example
from ftbench.core.job import Job, Outcome
from ftbench.stages.requests import grounded_rows, instructed


@dataclass(frozen=True)
class Run:
    """One run of a training call; see ``ftbench.core.protocols.TrainRun``.

    ``progress`` is told (steps done, steps); ``scratch`` is where checkpoints outlive the attempt.
    """

    examples: Sequence[Example]
    validation: Sequence[Example]
    seed: int
    folder: Path
    inputs: dict[str, Path]
    progress: Callable[[int, int], None]
    scratch: Path | None


def run(job: Job) -> Outcome:
    """Writes the method's weights, ``curve.jsonl``, ``findings.json``, ``masked_example.json`` and ``rows.json``."""
    method = job.component("method")
    with job.phase("load"):
        loaded = job.resident.get(job.component("model"))
    with job.phase("prompts"):
        examples, validation, told = grounded_rows(job, loaded, method) if "context" in job.stage.config else (instructed(job, "train"), instructed(job, "validation"), {})
    one = Run(
        examples=examples,
        validation=validation,
        seed=job.stage.config["seed"],
        folder=job.folder,
        inputs=job.inputs,
        progress=job.progress,
        scratch=job.scratch,
    )
    with job.phase("work"):
        (result,) = method.train([one], loaded)
    return Outcome(tokens=result["tokens"], provenance=loaded.provenance(), details={**result["details"], **told})
