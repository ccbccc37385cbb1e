"""What the checks of the data found, and how long its texts are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ftbench.report.view.cell import checks_of
from ftbench.report.view.outputs import question
from ftbench.report.view.sweep import Sweep, read_lines


@dataclass(frozen=True)
class Data:
    """One data set: rows by split, notes, lengths and checks."""

    dataset: str
    counts: dict[str, int]
    notes: tuple[str, ...]
    lengths: tuple[tuple[str, str, int, int, int, int], ...]
    checks: Any


def data(sweeps: Sequence[Sweep], *, lengths: bool) -> list[Data]:
    """Returns every data set of the sweeps.

    Args:
        lengths: whether to read the rows for the lengths of questions and answers, in words.
    """
    found: dict[str, Data] = {}
    for sweep in sweeps:
        for cell in sweep.plan["cells"]:
            key = cell["stages"].get("prepare", "")
            folder = sweep.stage_folder(key)
            if key in found or folder is None:
                continue
            summary = (
                json.loads((folder / "summary.json").read_text(encoding="utf-8"))
                if (folder / "summary.json").is_file()
                else {}
            )
            measured = tuple(_lengths(folder, split) for split in ("train", "validation", "test")) if lengths else ()
            found[key] = Data(
                cell["choices"].get("dataset", ""),
                dict(summary.get("counts", {})),
                tuple(summary.get("notes", ())),
                tuple(row for rows in measured for row in rows),
                checks_of(sweep, cell["stages"]),
            )
    return list(found.values())


def _lengths(folder: Any, split: str) -> list[tuple[str, str, int, int, int, int]]:
    path = folder / f"{split}.jsonl"
    if not path.is_file():
        return []
    asked, answered = [], []
    for row in read_lines(path):
        asked.append(len(question(row).split()))
        answer = row.get("target") or next(iter(row.get("references") or ()), None)
        answered += [len(answer.split())] if answer else []
    return [
        (split, name, len(counts), *(int(np.quantile(counts, share)) for share in (0.5, 0.95, 1.0)))
        for name, counts in (("question", asked), ("answer", answered))
        if counts
    ]
