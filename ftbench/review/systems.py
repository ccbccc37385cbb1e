"""The systems that are reviewed: cells of a finished sweep, and what each of them answered to the same examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ftbench.core.cell import Cell
from ftbench.core.errors import FtbenchError, did_you_mean
from ftbench.core.example import Example, read_examples
from ftbench.core.files import read_jsonl
from ftbench.core.plan import Plan
from ftbench.store.store import Store

SPLITS = ("test", "validation")
"""Splits that cells answer."""


@dataclass(frozen=True)
class System:
    """One cell.

    Attributes:
        id: of the cell.
        label: of the cell.
        stage: key of the stage that generated.
        outputs: example -> text.
    """

    id: str
    label: str
    stage: str
    outputs: dict[str, str]


@dataclass(frozen=True)
class Reviewed:
    """Systems over the same examples, in split order."""

    systems: tuple[System, ...]
    examples: tuple[Example, ...]
    split: str

    def example(self, identity: str) -> Example:
        return next(one for one in self.examples if one.id == identity)


def store_of(plan: Plan, moved: Path | None) -> Store:
    """Returns the store of a plan, or the one that it was moved to."""
    return Store(str(moved) if moved is not None else plan.store)


def read_systems(plan: Plan, store: Store, names: Sequence[str], split: str) -> Reviewed:
    """Reads what cells answered.

    Args:
        plan: of the sweep.
        store: where its stages lie.
        names: ids, beginnings of ids, or labels; at least one.
        split: ``test`` or ``validation``.

    Raises:
        FtbenchError: for a name that is no cell, one named twice, a cell that cannot be deployed or did not answer, or
            cells that answered different examples.
    """
    cells = [find_cell(plan, name) for name in names]
    double = next((cell for index, cell in enumerate(cells) if cell.id in {other.id for other in cells[:index]}), None)
    if double is not None:
        raise FtbenchError(f"--cells: {double.label} is named twice. A system is compared with others, not with itself")
    bound = next((cell for cell in cells if not cell.deployable), None)
    if bound is not None:
        why = "is a ceiling: it cannot be deployed, so nobody can prefer it in use"
        raise FtbenchError(f"--cells: {bound.label} {why}. Leave it out")
    systems, shown = [], None
    for cell in cells:
        answered, prepared = (
            store.find(cell.stages.get(role, "")) if role in cell.stages else None
            for role in (f"generate.{split}", "prepare")
        )
        if answered is None or prepared is None:
            missing = (
                f"did not answer the {split} split"
                if f"generate.{split}" not in cell.stages
                else f"has no finished answers to the {split} split in {store.path}"
            )
            for role in (f"generate.{split}", "prepare"):
                if role in cell.stages and (problem := store.damage(cell.stages[role])):
                    missing = f"its stage {role} is damaged ({problem})"
            raise FtbenchError(
                f"{cell.label}: {missing}. Run the sweep (validation=true answers that split too), or name the store"
                " with --store"
            )
        examples = read_examples(prepared / f"{split}.jsonl")
        outputs = {row["id"]: row["output"] for row in read_jsonl(answered / "outputs.jsonl")}
        asked = {example.id: question(example) for example in examples}
        if shown is not None and asked != shown[1]:
            raise FtbenchError(
                f"{cell.label} and {cells[0].label} answered different examples. Take cells over the same data set,"
                " limits and splits"
            )
        shown = shown or (examples, asked)
        lost = next((identity for identity in asked if identity not in outputs), None)
        if lost is not None:
            raise FtbenchError(f"{cell.label}: example {lost} has no answer. Run the sweep again")
        systems.append(System(cell.id, cell.label, cell.stages[f"generate.{split}"], outputs))
    return Reviewed(tuple(systems), tuple(shown[0]), split)


def find_cell(plan: Plan, name: str) -> Cell:
    """Returns the cell of this label, or the only one whose id begins so."""
    found = [cell for cell in plan.cells if cell.label == name] or [
        cell for cell in plan.cells if name and cell.id.startswith(name)
    ]
    if len(found) != 1:
        many = (
            f"{len(found)} cells of this sweep are called so. Write more of the id"
            if found
            else "no cell of this sweep"
        )
        hint = (
            ""
            if found
            else f". {did_you_mean(name, [*(cell.id for cell in plan.cells), *(cell.label for cell in plan.cells)])}"
        )
        raise FtbenchError(f"--cells {name}: {many}{hint}")
    return found[0]


def question(example: Example) -> str:
    """Returns what was asked, for a person: never a rendered prompt, which shows the shots and documents of the system
    that got it.
    """
    if len(example.turns) == 1:
        return example.turns[0].content
    return "\n\n".join(f"{turn.role.capitalize()}: {turn.content}" for turn in example.turns)
