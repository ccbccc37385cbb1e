"""What the store holds of a plan: finished stages, their receipts, and which of them made the weights of a cell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftbench.core.canonical import digest
from ftbench.core.cell import Cell
from ftbench.core.component import text_identity
from ftbench.core.plan import Plan
from ftbench.core.receipt import Receipt
from ftbench.core.stage import with_inputs
from ftbench.store.store import Store


@dataclass(frozen=True)
class Finished:
    """What the store holds of a plan.

    Attributes:
        folders: stage key -> folder.
        receipts: stage key -> receipt.
        loads: base model -> seconds of its slowest load: what a stage that found it loaded would have paid alone.
        damaged: stage key -> what is wrong with its files; such a stage has no folder and no receipt here.
    """

    folders: dict[str, Path]
    receipts: dict[str, Receipt]
    loads: dict[str, float]
    damaged: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, plan: Plan, store: Store) -> Finished:
        folders = {key: folder for key in plan.stages if (folder := store.find(key)) is not None}
        receipts = {key: Receipt.read(folder) for key, folder in folders.items()}
        loads: dict[str, float] = {}
        for key, receipt in receipts.items():
            model = plan.stages[key].held
            if model is not None:
                loads[model] = max(loads.get(model, 0.0), receipt.seconds.get("load", 0.0))
        damaged = {
            key: problem for key in plan.stages if key not in folders and (problem := store.damage(key)) is not None
        }
        return cls(folders, receipts, loads, damaged)


def weights_stages(plan: Plan, cell: Cell) -> list[str]:
    """Returns the keys of the stages that made the cell's weights, earlier ones (an SFT and its reference before a DPO,
    a merge last) first.
    """
    own = [cell.stages[role] for role in ("train", "merge") if role in cell.stages]
    return [key for key in with_inputs(plan.stages, own) if plan.stages[key].kind in ("train", "reference", "merge")]


def base_model(plan: Plan, stages: Mapping[str, str]) -> str | None:
    """Returns what two cells over the same base share, however it is loaded: whole or in 4 bits, with an adapter or
    merged.
    """
    for role in ("likelihood.test", "generate.test"):
        if role in stages:
            stage = plan.stages[stages[role]]
            return digest(text_identity(stage.spec["model"])) if "model" in stage.spec else stage.model
    return None


def read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
