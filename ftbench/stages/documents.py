"""The documents stage: the corpus that contexts read, apart from the rows, so that other cells do not depend on it.

Writes ``documents.jsonl``. Under ``data.on_leak=drop`` documents that leak are left out; ``dropped.jsonl`` of prepare
lists them.
"""

from __future__ import annotations

from ftbench.core.canonical import digest, file_digest
from ftbench.core.errors import FtbenchError
from ftbench.core.files import write_jsonl
from ftbench.core.job import Job, Outcome
from ftbench.stages.check import dropped_documents


def run(job: Job) -> Outcome:
    """Reads ``job.stage.config["corpus"]``.

    Raises:
        Refused: when the documents cannot be read, or not be retrieved from.
        FtbenchError: when they changed after the plan was made, so that the stage's key would lie.
    """
    corpus = job.component("corpus")
    identity = corpus.identity()
    if digest(identity) != digest(job.stage.spec["documents"]):
        raise FtbenchError(
            "dataset.documents: the data is not what it was when the plan was made. Compile again (repeat the command)"
        )
    with job.phase("work"):
        gone = dropped_documents(job.inputs["prepare"]) if "prepare" in job.inputs else set()
        kept = [document for document in corpus.load().documents if document.id not in gone]
        path = job.folder / "documents.jsonl"
        write_jsonl(path, (document.as_dict() for document in kept))
    return Outcome(provenance={"documents": identity, "data": file_digest(path)}, details={"documents": len(kept)})
