"""A cell: one point of the matrix, as composed, and the stages it was lowered to."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

AXES = ("model", "context", "method", "artifact", "prompt", "dataset", "decoding", "hardware")

TRIAL_AXES = ("prompt",)
"""Axes whose options are tries of one approach and not approaches of their own: the best of them is chosen on validation, like a swept value."""

OPEN = tuple(axis for axis in AXES if axis not in ("model", "artifact", "dataset", "hardware"))
"""Axes whose options may be tuned: other values within them are trials of one approach. Another value of the closed axes is another question."""

AS_TRAINED = "adapter"
"""The option of the artifact axis that ships what the method wrote; the only one for weights that cannot be merged."""


HARNESS, HARNESS_BASE = "harness.", "harness_base."
"""Beginnings of the roles of lm-eval tasks, asked of a cell's weights and of the same model before anything was trained."""


@dataclass(frozen=True)
class Cell:
    """One point of the matrix.

    Attributes:
        id: ten hexadecimal digits over everything that decides this cell's result; stable across runs and machines.
        label: short name that tells it from its neighbours in this matrix.
        choices: axis -> option name as resolved (``method`` -> ``lora``), before any ``_target_``.
        overrides: what was typed for this cell, as Hydra hands it over; empty for an added baseline.
        config: the whole resolved config, plain JSON.
        stages: role -> stage key. Roles: ``prepare``, ``train``, ``generate.test``, ``likelihood.test``, ``score.test``,
            the same with ``.validation``, ``harness.TASK`` and ``harness_base.TASK`` of lm-eval tasks, and whatever a method or context adds.
        baseline: True for a cell that ``matrix.baselines`` added.
        notes: plain sentences worth saying once ("no chat template: plain text").
        approach: id that the cell shares with those that differ from it by seed or by values within its options alone; empty
            in plans of before there were any.
        approach_label: short name that tells the approach from the others of this matrix.
        values: dotted key -> value of what the matrix types, couples or searches within options, where this cell's have it; never the seed.
    """

    id: str
    label: str
    choices: dict[str, str]
    overrides: tuple[str, ...]
    config: dict[str, Any]
    stages: dict[str, str]
    baseline: bool = False
    notes: tuple[str, ...] = field(default=())
    approach: str = ""
    approach_label: str = ""
    values: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Cell:
        return cls(**{**data, "overrides": tuple(data["overrides"]), "notes": tuple(data["notes"])})


@dataclass(frozen=True)
class Refusal:
    """A cell that will not be run, with where, why and how to mend it.

    Attributes:
        cell: id of the refused cell; its ``label`` and ``choices`` stand beside it, since it has no stages.
        problems: dicts with ``where``, ``why``, ``fix``.
    """

    cell: str
    label: str
    choices: dict[str, str]
    overrides: tuple[str, ...]
    config: dict[str, Any]
    problems: tuple[dict[str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Refusal:
        return cls(**{**data, "overrides": tuple(data["overrides"]), "problems": tuple(data["problems"])})
