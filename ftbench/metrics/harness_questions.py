"""The texts that lm-eval tasks ask about, for decontamination: a training row must not hold them.

A question is sought by the texts of its document, not by its prompt, whose wording is the task's own: by the longest
one, and by every other of ``LONG`` words or more (a passage, a problem; short choices are no evidence).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from ftbench.core.errors import FtbenchError
from ftbench.data.findings import Findings
from ftbench.data.sources import source
from ftbench.metrics.harness_tasks import Folder, data_files

LONG = 8
Question = tuple[str, str, str]


class Tasks(Protocol):
    """Names lm-eval tasks: ``ftbench.metrics.harness.Harness``."""

    tasks: list[str]
    include_path: str | None

    def folder(self) -> Folder:
        """Returns what is found below ``include_path``."""


def local_questions(harness: Tasks) -> list[Question] | None:
    """Returns (task, id, text) of all questions where every task's data lies in local files, read without lm-eval; else
    None.
    """
    folder = harness.folder()
    if not folder.has_all(harness.tasks):
        return None
    found: list[Question] = []
    for task in folder.reached(harness.tasks):
        entry = folder.entries[task]
        if entry.path is None or entry.members:
            continue
        places = _asked_files(entry.config)
        if not places:
            return None
        for place in places:
            try:
                tables = source(place, f"harness {task}", "test").rows(Findings())
            except (FtbenchError, AttributeError):
                return None
            rows = [row for table in tables for row in table]
            found += [
                (task, f"{Path(place).name}:{number}", text)
                for number, row in enumerate(rows, start=1)
                for text in texts(row.values)
            ]
    return found


def questions(harness: Tasks) -> list[Question]:
    """*Heavy* where a task's data is on the hub. Returns (task, id, text) of all questions, of lm-eval's own
    tasks too.
    """
    found = local_questions(harness)
    if found is not None:
        return found
    from lm_eval.tasks import TaskManager, get_task_dict

    path = harness.include_path
    manager = TaskManager(
        include_path=path if path is not None else "", include_defaults=not harness.folder().has_all(harness.tasks)
    )
    return [
        (name, str(number), text)
        for name, task in _leaves(get_task_dict(list(harness.tasks), manager))
        for number, doc in enumerate(task.eval_docs)
        for text in texts(doc)
    ]


def texts(document: Any) -> list[str]:
    """Returns the texts of one document by which it is sought."""
    every = sorted(set(_strings(document)), key=lambda text: (-len(text.split()), text))
    return every[:1] + [text for text in every[1:] if len(text.split()) >= LONG]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item)


def _asked_files(config: Mapping[str, Any]) -> list[str]:
    """Returns the local data of the split that a task is scored on."""
    split = config.get("test_split") or config.get("validation_split")
    arguments = config.get("dataset_kwargs") or {}
    named = arguments.get("data_files") if isinstance(arguments, Mapping) else None
    if isinstance(named, Mapping) and split in named:
        return data_files({**config, "dataset_kwargs": {**arguments, "data_files": named[split]}})
    return data_files(dict(config))


def _leaves(tasks: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for name, task in tasks.items():
        if isinstance(task, Mapping):
            yield from _leaves(task)
        else:
            yield str(name), task
