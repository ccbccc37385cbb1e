"""``review pairs``: preference rows for DPO from what people preferred, never from examples that cells are ranked by.

A row is an example whose raters leaned one way: ``id, prompt, chosen, rejected, group, raters, agreement``, where
``prompt`` is text, or chat turns where the example has several; see ``dataset.preferences`` of
``conf/dataset/files.yaml``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftbench.core.cell import Cell
from ftbench.core.errors import FtbenchError
from ftbench.core.example import Example, read_examples
from ftbench.core.files import read_jsonl
from ftbench.core.plan import Plan
from ftbench.review.compared import Compared, comparisons
from ftbench.review.evidence import A, B, Evidence, preferences
from ftbench.review.key import read_keys
from ftbench.review.read_ledger import sweep_evidence
from ftbench.store.store import Store

EVALUATION = "test"
FIX = "Draw another review with --split validation, have it filled in, and take its verdicts"


def _found(store: Store, cell: Cell, role: str) -> Path:
    """Returns the folder of a cell's finished stage.

    Raises:
        FtbenchError: when it is not there, or its files are not what was written.
    """
    folder = store.find(cell.stages[role])
    if folder is None:
        why = store.damage(cell.stages[role])
        raise FtbenchError(
            f"{cell.label}: its stage {role} is {f'damaged: {why}' if why else f'not in {store.path}'}. Repeat the"
            " sweep's command"
        )
    return folder


def preference_rows(sweep: Path, plan: Plan, store: Store, split: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Returns the rows and notes on what was left out.

    Raises:
        FtbenchError: for the evaluation split, for a sweep reviewed on nothing else, or where no verdict prefers
            anything.
    """
    if split == EVALUATION:
        raise FtbenchError(
            f"--split {split}: those examples rank the cells, and training on them would make the ranking worthless."
            f" {FIX}"
        )
    if not any(key.split == split for key in read_keys(sweep)):
        raise FtbenchError(
            f"{sweep}: was reviewed on the {EVALUATION} split alone, and no training row may come from there. {FIX}"
        )
    evidence = sweep_evidence(sweep, plan, store, split)
    cells = [cell for cell in plan.cells if cell.id in evidence.systems]
    prepared = _found(store, cells[0], "prepare")
    examples = {example.id: example for example in read_examples(prepared / f"{split}.jsonl")}
    held_out = _Evaluation(read_examples(prepared / f"{EVALUATION}.jsonl"))
    texts = {
        cell.id: {
            row["id"]: row["output"] for row in read_jsonl(_found(store, cell, f"generate.{split}") / "outputs.jsonl")
        }
        for cell in cells
    }
    rows, shared, level = [], 0, 0
    for one in _judged(evidence):
        example = examples[one.example]
        if held_out.holds(example):
            shared += 1
            continue
        if abs(one.score) < 1e-9:
            level += 1
            continue
        winner, loser = (one.first, one.second) if one.score > 0 else (one.second, one.first)
        side = A if one.score > 0 else B
        rows.append(
            {
                "id": f"{example.id}:{len(rows)}",
                "prompt": (
                    example.turns[0].content
                    if len(example.turns) == 1
                    else [{"role": turn.role, "content": turn.content} for turn in example.turns]
                ),
                "chosen": texts[winner][example.id],
                "rejected": texts[loser][example.id],
                "group": example.group if example.group is not None else example.id,
                "raters": len(one.choices),
                "agreement": one.shares[side],
            }
        )
    notes = (
        [f"{shared} comparisons were left out: their prompt or group is in the {EVALUATION} split too"]
        if shared
        else []
    )
    notes += [f"{level} comparisons prefer neither side and make no pair"] if level else []
    if not rows:
        raise FtbenchError(f"{sweep}: no verdict on the {split} split prefers one answer. {'; '.join(notes) or FIX}")
    kinds = {type(row["prompt"]) for row in rows}
    if len(kinds) > 1:  # one kind of column for all
        rows = [
            {
                **row,
                "prompt": (
                    row["prompt"] if isinstance(row["prompt"], list) else [{"role": "user", "content": row["prompt"]}]
                ),
            }
            for row in rows
        ]
    return rows, notes


class _Evaluation:
    """What the evaluation split holds, by prompt and by group."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.prompts = {tuple((turn.role, turn.content.strip()) for turn in example.turns) for example in examples}
        self.groups = {example.group for example in examples if example.group is not None}

    def holds(self, example: Example) -> bool:
        return (
            tuple((turn.role, turn.content.strip()) for turn in example.turns) in self.prompts
            or example.group in self.groups
        )


def _judged(evidence: Evidence) -> list[Compared]:
    """Returns the comparisons that somebody judged."""
    order = {system: place for place, system in enumerate(evidence.systems)}
    verdicts = evidence.decisive() + preferences(
        [one for one in evidence.ratings if one.dimension == evidence.overall], order
    )
    return comparisons(verdicts, [])
