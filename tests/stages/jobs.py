"""Runs stage bodies as a worker does, on a prepared folder made by hand."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ftbench.core.component import Component, node
from ftbench.core.example import Example
from ftbench.core.files import write_jsonl
from ftbench.core.job import Job, Outcome
from ftbench.core.stage import Stage
from ftbench.models.resident import Resident
from ftbench.stages import generate, harness, index, judge, likelihood, merge, train

BODIES = {
    "index": index,
    "judge": judge,
    "harness": harness,
    "train": train,
    "merge": merge,
    "generate": generate,
    "likelihood": likelihood,
}


def prepare(folder: Path, rows: list[Example], test: list[Example]) -> Path:
    folder.mkdir(parents=True)
    for name, split in (("train", rows), ("validation", test[:1]), ("test", test)):
        write_jsonl(folder / f"{name}.jsonl", [one.as_dict() for one in split])
    return folder


def work(
    kind: str,
    folder: Path,
    resident: Resident,
    inputs: dict[str, Path],
    seed: int = 0,
    split: str = "test",
    **parts: Component,
) -> Outcome:
    """Runs one body into ``folder``."""
    folder.mkdir(parents=True)
    config: dict[str, Any] = {**{name: node(part) for name, part in parts.items()}, "seed": seed, "split": split}
    stage = Stage(
        kind, {name: part.identity() for name, part in parts.items()}, dict.fromkeys(inputs, "0" * 64), config
    )
    job = Job(stage, inputs, folder, resident, lambda name: nullcontext(), lambda done, total: None)
    return BODIES[kind].run(job)


def published(folder: Path) -> dict[str, bytes]:
    """Returns the bytes of everything a stage wrote but its times."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "timings.json"
    }
