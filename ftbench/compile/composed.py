"""One job, as typed and as composed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hydra.core.override_parser.types import Override

from ftbench.core.cell import AXES, axis_of


@dataclass(frozen=True)
class Composed:
    """One composed cell.

    Attributes:
        config: the resolved application config, without the ``hydra`` node.
        search: axis -> what its option says of its space, where the compiler has taken that out of ``config``.
        raw: the same before resolution, to see what was interpolated.
        choices: config group -> option chosen, sub-axes among them.
        typed: axis or sub-axis -> option as typed on the command line or in a recipe's sweep, where this cell has it.
        values: keys that the user typed a value for (``method.rank``), which no couple may change.
        idle: typed keys of an axis that this cell's option does not have (``method.rank`` under ``method=none``), and
            typed sub-axes.
        overrides: what was typed for this job, keys in full.
        trackers: names in ``trackers``, which the compiler has taken out of ``config``: they belong to the run.
        replaced: sub-axes with another option than the one that the axis's option brings.
    """

    config: dict[str, Any]
    raw: dict[str, Any]
    choices: dict[str, str]
    typed: dict[str, str]
    values: frozenset[str]
    idle: frozenset[str]
    overrides: tuple[str, ...]
    replaced: frozenset[str] = frozenset()
    search: dict[str, Any] = field(default_factory=dict)
    trackers: Any = ()


@dataclass
class Job:
    """What was typed for one job.

    Attributes:
        texts: all of it, keys in full.
        typed: axis -> option.
        parts: sub-axis -> option.
        values: plain values, key -> value, in the order typed.
        value_texts: the same as typed.
        frame: the rest.
    """

    texts: tuple[str, ...]
    typed: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    values: list[tuple[str, Any]] = field(default_factory=list)
    value_texts: list[str] = field(default_factory=list)
    frame: tuple[str, ...] = ()

    def parts_of(self, axis: str) -> dict[str, str]:
        """Returns the typed sub-axes of an axis."""
        return {group: name for group, name in self.parts.items() if axis_of(group) == axis}


def is_axis_value(override: Override) -> bool:
    """Tells whether an override is a value of whatever option the cell has on an axis: ``method.rank=8``,
    ``++method.rank=8``.
    """
    key = override.key_or_group
    return (
        "." in key
        and key.split(".")[0] in AXES
        and override.package is None
        and not override.is_add()
        and not override.is_delete()
    )
