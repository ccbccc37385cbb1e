"""A cell: one point of the matrix, as composed, and the stages it was lowered to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ftbench.core.canonical import digest

AXES = ("model", "context", "method", "artifact", "prompt", "dataset", "decoding", "hardware")

TRIAL_AXES = ("prompt",)
"""Axes whose options are tries of one approach and not approaches of their own: the best of them is chosen on
validation, like a swept value.
"""

OPEN = tuple(axis for axis in AXES if axis not in ("model", "artifact", "dataset", "hardware"))
"""Axes whose options may be tuned: other values within them are trials of one approach. Another value of the closed
axes is another question.
"""


def axis_of(key: str) -> str:
    """Returns the axis of an axis itself, of a sub-axis (``context/retriever``) or of a dotted key
    (``context.retriever.k1``).
    """
    return key.replace("/", ".").partition(".")[0]


def sub_axes(choices: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Returns the sub-axes that any of these cells has, in the order of their axes.

    Args:
        choices: per cell, axis or sub-axis -> option.
    """
    found = {group for own in choices for group in own if "/" in group}
    return tuple(
        sorted(found, key=lambda group: (AXES.index(axis_of(group)) if axis_of(group) in AXES else len(AXES), group))
    )


def option_words(choices: Mapping[str, Any], axis: str) -> str:
    """Returns the option of an axis with those of its sub-axes behind it: ``rag reranked``."""
    return " ".join(
        str(choices[group]) for group in (axis, *(group for group in sub_axes([choices]) if axis_of(group) == axis))
    )


AS_TRAINED = "adapter"
"""The option of the artifact axis that ships what the method wrote; the only one for weights that cannot be merged."""


HARNESS, HARNESS_BASE = "harness.", "harness_base."
"""Beginnings of the roles of lm-eval tasks, asked of a cell's weights and of the same model before anything was
trained.
"""

CEILINGS = ("ftbench.contexts.oracle.Oracle",)
"""Contexts that cannot be deployed, for plans of versions whose cells did not say so themselves."""


def is_deployable(cell: Mapping[str, Any]) -> bool:
    """Returns whether a cell, as ``plan.json`` holds it, can be deployed.

    One that an earlier version wrote does not say; its context tells.
    """
    context = cell["config"].get("context") or {}
    return bool(cell.get("deployable", context.get("_target_") not in CEILINGS))


def configuration_key(config: Mapping[str, Any]) -> str:
    """Returns what cells share that differ by their seed, or by the hardware that they are priced for, alone."""
    return digest({axis: config.get(axis) for axis in AXES if axis != "hardware"})


@dataclass(frozen=True)
class Cell:
    """One point of the matrix.

    Attributes:
        id: ten hexadecimal digits over everything that decides this cell's result; stable across runs and machines.
        label: short name that tells it from its neighbors in this matrix.
        choices: axis -> option name as resolved (``method`` -> ``lora``), before any ``_target_``; and so for the
            sub-axes that this cell's options have (``context/retriever`` -> ``bm25``).
        overrides: what was typed for this cell, as Hydra hands it over; empty for an added baseline.
        config: the whole resolved config, plain JSON.
        stages: role -> stage key. Roles: ``prepare``, ``train``, ``generate.test``, ``likelihood.test``,
            ``score.test``, the same with ``.validation``, ``harness.TASK`` and ``harness_base.TASK`` of lm-eval tasks,
            and whatever a method or context adds.
        baseline: True for a cell that ``matrix.baselines`` added.
        notes: plain sentences worth saying once ("no chat template: plain text").
        approach: id that the cell shares with those that differ from it by seed or by values within its options alone;
            empty in plans of before there were any.
        approach_label: short name that tells the approach from the others of this matrix.
        values: dotted key -> value of what the matrix types, couples or searches within options, where this cell's have
            it; never the seed.
        deployable: False for a ceiling: one of its components cannot be part of a deployed system
            (``Component.deployable``).
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
    deployable: bool = True

    def as_dict(self) -> dict[str, Any]:
        return {one.name: vars(self)[one.name] for one in fields(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Cell:
        plain = {**data, "deployable": is_deployable(data)}
        return cls(**{**plain, "overrides": tuple(data["overrides"]), "notes": tuple(data["notes"])})


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
        return {one.name: vars(self)[one.name] for one in fields(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Refusal:
        return cls(**{**data, "overrides": tuple(data["overrides"]), "problems": tuple(data["problems"])})
