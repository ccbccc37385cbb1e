"""The check stage: what is odd about a prepared dataset, and what its rows give away; see ``ftbench.data.inspection``.

Writes ``checks.json``. Finding leaks fails nothing here: what they mean depends on ``data.on_leak``, which is in no key, and is
decided before anything that reads the rows is started (``ftbench.launchers.gate``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftbench.core.example import SPLITS, Document, Splits, read_examples, read_jsonl
from ftbench.core.job import Job, Outcome
from ftbench.metrics.harness_questions import from_node, questions

CHECKS, DROPPED = "checks.json", "dropped.jsonl"


def run(job: Job) -> Outcome:
    """Looks at the rows of ``prepare`` with ``config["data"]``, a ``ftbench.data.inspection.inspect.DataChecks``."""
    prepared = job.inputs["prepare"]
    with job.phase("work"):
        found = job.component("data").inspect(read_splits(prepared), dropped_rows(prepared), asked(job.stage.config))
        told = found.as_dict()
        (job.folder / CHECKS).write_text(json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    job.progress(1, 1)
    return Outcome(details={"counts": told["counts"], "dropped": len(found.dropped)})


def asked(config: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Returns the questions of the lm-eval tasks of a stage's config, none without any."""
    return questions(from_node(config["harness"])) if "harness" in config else []


def read_splits(prepared: Path) -> Splits:
    """Returns what a prepare stage wrote."""
    rows = {split: tuple(read_examples(prepared / f"{split}.jsonl")) for split in SPLITS}
    documents = tuple(Document(**row) for row in read_jsonl(prepared / "documents.jsonl"))
    return Splits(**rows, documents=documents, notes=(), counts={})


def dropped_rows(prepared: Path) -> list[dict[str, Any]]:
    """Returns what a prepare stage left out."""
    path = prepared / DROPPED
    return list(read_jsonl(path)) if path.is_file() else []
