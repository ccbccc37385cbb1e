"""What generate and likelihood share: a split's examples as requests of the context, encoded for the model.

A row that cannot be encoded keeps its place, with the reason, so that n is the same for every cell (DESIGN 6, number 15).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.example import Document, Example, Request, read_examples, read_jsonl
from ftbench.core.job import Job

OWN_ROLES = ("prepare", "weights")


def split_requests(job: Job) -> tuple[list[Example], list[Request]]:
    """Returns the examples of the stage's split and what its context makes of each, in split order."""
    config, prepared = job.stage.config, job.inputs["prepare"]
    examples = read_examples(prepared / f"{config['split']}.jsonl")
    pool = read_examples(prepared / "train.jsonl")
    stored = prepared / "documents.jsonl"
    documents = [Document(**row) for row in read_jsonl(stored)] if stored.is_file() else []
    folders = {role: folder for role, folder in job.inputs.items() if role not in OWN_ROLES}
    return examples, job.component("context").requests(examples, pool, documents, folders, config["seed"])


def encode_all(format: Any, requests: Sequence[Request], targets: Sequence[str | None]) -> tuple[list[Any], list[str | None]]:
    """Encodes every request with its target.

    Returns:
        ``ftbench.models.format.Encoded`` of each row, None where that failed, and the reasons, None where it did not.
    """
    encoded: list[Any] = []
    errors: list[str | None] = []
    for request, target in zip(requests, targets, strict=True):
        try:
            encoded.append(format.encode(request.turns, target))
            errors.append(None)
        except FtbenchError as error:
            encoded.append(None)
            errors.append(str(error))
    return encoded, errors
