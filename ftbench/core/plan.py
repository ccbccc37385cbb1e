"""The plan: all cells, all stages, what was refused and why. Plain JSON, so that any engine can carry it anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ftbench.core.cell import Cell, Refusal
from ftbench.core.components.earlier_names import of_today
from ftbench.core.files import write_text
from ftbench.core.stage import Stage

FILE = "plan.json"
FORMAT = 1


@dataclass(frozen=True)
class Search:
    """What is tried for one approach under ``effort``.

    Attributes:
        approach: id; ``label`` is its short name.
        space: dimension -> the values it may take; a dimension is a dotted key, or several with commas, which move
            together.
        size: how many configurations the space has.
        budget: how many trials were wanted; fewer were made where the space is smaller.
        trials: ids of the cells that try one configuration each, the option's own defaults first.
        left_out: configurations drawn and refused, each with the reason.
    """

    approach: str
    label: str
    space: dict[str, list[Any]]
    size: int
    budget: int
    trials: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Search:
        return cls(**{**data, "trials": tuple(data["trials"]), "left_out": tuple(data["left_out"])})


@dataclass(frozen=True)
class Plan:
    """A compiled matrix.

    Attributes:
        cells: in matrix order, added baselines last.
        stages: key -> stage, inputs before those that read them.
        refusals: cells that will not run.
        store: absolute path of the store.
        settings: matrix-wide values that the run and the report read (``metrics``, ``primary_metric``, ``on_refusal``,
            ``statistics``, ...), plain JSON.
        forecast: ``stages`` (key -> hardware -> ``ftbench.cost.forecast.Forecast``), ``cells`` (id -> as if it ran
            alone) and ``total`` (every stage once); None for a plan without cells, or of an earlier version.
        excluded: how many typed points ``matrix.exclude`` took out.
        trials: cells of a search's first round, evaluated on the validation split alone; ``cells`` then are what it
            chose.
        searches: what was searched for each approach, see ``Search``.
    """

    cells: tuple[Cell, ...]
    stages: dict[str, Stage]
    refusals: tuple[Refusal, ...]
    store: str
    settings: dict[str, Any]
    forecast: dict[str, Any] | None = None
    excluded: int = 0
    trials: tuple[Cell, ...] = ()
    searches: tuple[Search, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "store": self.store,
            "settings": self.settings,
            "excluded": self.excluded,
            "cells": [cell.as_dict() for cell in self.cells],
            "stages": [stage.as_dict() for stage in self.stages.values()],
            "refusals": [refusal.as_dict() for refusal in self.refusals],
            "forecast": self.forecast,
            "trials": [trial.as_dict() for trial in self.trials],
            "searches": [search.as_dict() for search in self.searches],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Plan:
        stages = [Stage.from_dict(stage) for stage in data["stages"]]
        return cls(
            cells=tuple(Cell.from_dict(cell) for cell in data["cells"]),
            stages={stage.key: stage for stage in stages},
            refusals=tuple(Refusal.from_dict(refusal) for refusal in data["refusals"]),
            store=data["store"],
            settings=_settings(data["settings"]),
            forecast=data["forecast"],
            excluded=data["excluded"],
            trials=tuple(Cell.from_dict(trial) for trial in data.get("trials", ())),
            searches=tuple(Search.from_dict(search) for search in data.get("searches", ())),
        )

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        write_text(path, _lines(self.as_dict()))
        return path

    @classmethod
    def read(cls, path: Path) -> Plan:
        return cls.from_dict(json.loads(path.read_text(encoding="utf-8")))

    def descendants(self, keys: Iterable[str]) -> set[str]:
        """Returns the keys of all stages that read, directly or not, from any of ``keys`` (themselves not included)."""
        reached = set(keys)
        found: set[str] = set()
        for key, stage in self.stages.items():
            if reached & set(stage.inputs.values()):
                reached.add(key)
                found.add(key)
        return found


def _settings(data: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings of a plan with the fields of its decision under their names of today."""
    return {**data, "decision": of_today(data["decision"])} if data.get("decision") else data


def _lines(plan: dict[str, Any]) -> str:
    """Returns JSON with one cell, stage or refusal a line: readable in a diff, and ten times faster than indenting."""

    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    parts = []
    for key, value in plan.items():
        inner = "[\n " + ",\n ".join(map(text, value)) + "\n]" if isinstance(value, list) and value else text(value)
        parts.append(f"{text(key)}: {inner}")
    return "{\n" + ",\n".join(parts) + "\n}\n"
