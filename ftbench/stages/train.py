"""The train stage: one method's weights over one base, from the train split."""

from __future__ import annotations

from ftbench.core.job import Job, Outcome
from ftbench.core.training import TrainRun
from ftbench.stages.requests import grounded_rows, instructed


def run(job: Job) -> Outcome:
    """Writes the method's weights, ``curve.jsonl``, ``findings.json``, ``masked_example.json`` and ``rows.json``."""
    method = job.component("method")
    with job.phase("load"):
        loaded = job.resident.get(job.component("model"))
    with job.phase("prompts"):
        examples, validation, told = (
            grounded_rows(job, loaded, method)
            if "context" in job.stage.config
            else (instructed(job, "train"), instructed(job, "validation"), {})
        )
    one = TrainRun(
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
