"""The index stage: what a retriever searches, built once for a corpus and shared by every cell that searches it."""

from __future__ import annotations

from ftbench.core.example import Document
from ftbench.core.files import read_jsonl
from ftbench.core.job import Job, Outcome


def run(job: Job) -> Outcome:
    """Lets the context write its index of the documents: ``chunks.jsonl`` and the retriever's own files."""
    documents = [Document(**row) for row in read_jsonl(job.inputs["documents"] / "documents.jsonl")]
    with job.phase("work"):
        tokens = job.component("context").index(documents, job.folder)
    with open(job.folder / "chunks.jsonl", encoding="utf-8") as file:
        chunks = sum(1 for _ in file)
    unread = tokens.get("not_embedded", 0)
    notes = (
        [
            f"{unread} of {unread + tokens['embedded']} tokens of the passages are beyond what the retriever's model"
            " reads. Lower context.chunking.size"
        ]
        if unread
        else []
    )
    return Outcome(tokens=tokens, details={"documents": len(documents), "chunks": chunks, "notes": notes})
