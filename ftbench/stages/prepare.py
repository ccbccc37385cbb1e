"""The body of ``prepare``: reads, checks and splits a dataset into frozen rows that every other stage reads.

Writes ``train.jsonl``, ``validation.jsonl``, ``test.jsonl`` and ``summary.json``; the same spec gives the same bytes.
Documents are ``ftbench.stages.documents``. Under ``data.on_leak=drop`` training rows and documents that leak are left
out, and ``dropped.jsonl`` lists them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ftbench.core.canonical import digest, file_digest
from ftbench.core.errors import FtbenchError
from ftbench.core.example import SPLITS, Splits
from ftbench.core.files import write_json, write_jsonl
from ftbench.core.job import Job, Outcome
from ftbench.stages.check import DROPPED, asked, documents_of
from ftbench.text.secrets import scrub


def run(job: Job) -> Outcome:
    """Prepares ``job.stage.config["dataset"]``.

    Returns:
        Provenance ``dataset`` (its identity: bytes, commit, fields) and ``data`` (one fingerprint over the rows as
        written); details ``counts`` and ``notes``.

    Raises:
        Refused: when rows cannot be used.
        FtbenchError: when the data changed after the plan was made, so that the stage's key would lie.
    """
    dataset = job.component("dataset")
    identity = dataset.identity()
    if digest(identity) != digest(job.stage.spec["dataset"]):
        raise FtbenchError(
            "dataset: the data is not what it was when the plan was made. Compile again (repeat the command)"
        )
    with job.phase("work"):
        splits, dropped = _cleaned(job, dataset.load())
        if dropped is not None:
            write_jsonl(job.folder / DROPPED, dropped)
        files = {}
        for done, name in enumerate(SPLITS, start=1):
            files[name] = job.folder / f"{name}.jsonl"
            write_jsonl(files[name], (example.as_dict() for example in splits.split(name)))
            job.progress(done, len(SPLITS) + 1)
        summary = {"notes": scrub(list(splits.notes)), "counts": splits.counts}
        write_json(job.folder / "summary.json", summary, sort_keys=True)
        job.progress(len(SPLITS) + 1, len(SPLITS) + 1)
    fingerprint = digest({name: file_digest(path) for name, path in files.items()})
    return Outcome(provenance={"dataset": identity, "data": fingerprint}, details=summary)


def _cleaned(job: Job, splits: Splits) -> tuple[Splits, list[dict[str, Any]] | None]:
    """Returns the splits without what leaks, and what was left out; None where nothing is to be dropped."""
    if "data" not in job.stage.config:
        return splits, None
    documents, _ = documents_of(job)
    return job.component("data").clean(replace(splits, documents=documents), asked(job.stage.config))
