"""The check stage: what is odd about a prepared dataset, and what its rows give away; see ``ftbench.data.inspection``.

Writes ``checks.json``. Finding leaks fails nothing here: what they mean depends on ``data.on_leak``, which is in no
key, and is decided before anything that reads the rows is started (``ftbench.sweep.data_gate``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ftbench.core.component import build
from ftbench.core.errors import Refused
from ftbench.core.example import SPLITS, Document, Splits, read_examples
from ftbench.core.files import read_jsonl, write_json
from ftbench.core.job import Job, Outcome
from ftbench.data.inspection.finding import Finding
from ftbench.metrics.harness_questions import questions

CHECKS, DROPPED = "checks.json", "dropped.jsonl"


def run(job: Job) -> Outcome:
    """Looks at the rows of ``prepare`` with ``config["data"]``, a ``ftbench.data.inspection.inspect.DataChecks``."""
    prepared = job.inputs["prepare"]
    with job.phase("work"):
        documents, unread = documents_of(job)
        gone = dropped_documents(prepared)
        splits = replace(
            read_splits(prepared), documents=tuple(document for document in documents if document.id not in gone)
        )
        found = job.component("data").inspect(splits, dropped_rows(prepared), asked(job.stage.config))
        found = replace(found, findings=(*found.findings, *unread))
        told = found.as_dict()
        write_json(job.folder / CHECKS, told)
    job.progress(1, 1)
    return Outcome(
        details={"counts": told["counts"], "dropped": len(found.dropped), "documents": len(splits.documents)}
    )


def asked(config: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Returns the questions of the lm-eval tasks of a stage's config, none without any."""
    return questions(build(config["harness"], "harness")) if "harness" in config else []


def read_splits(prepared: Path) -> Splits:
    """Returns the rows that a prepare stage wrote."""
    rows = {split: tuple(read_examples(prepared / f"{split}.jsonl")) for split in SPLITS}
    return Splits(**rows, documents=(), notes=(), counts={})


def documents_of(job: Job) -> tuple[tuple[Document, ...], list[Finding]]:
    """Returns the documents to look at beside the rows; none, and a warning, where they cannot be read: that stops only
    cells that read them.
    """
    if "corpus" not in job.stage.config:
        return (), []
    try:
        return job.component("corpus").load().documents, []
    except Refused as refused:
        why = f"cannot be read, so the rows were not compared with them ({refused.problems[0].why})"
        return (), [Finding("unread_documents", "warning", "dataset.documents", why, refused.problems[0].fix, 1, ())]


def dropped_rows(prepared: Path) -> list[dict[str, Any]]:
    """Returns what a prepare stage left out."""
    path = prepared / DROPPED
    return list(read_jsonl(path)) if path.is_file() else []


def dropped_documents(prepared: Path) -> set[str]:
    """Returns the ids of the documents that a prepare stage left out."""
    return {row["id"] for row in dropped_rows(prepared) if row["split"] == "documents"}
