"""The fast composition: a cell is put together from options that Hydra composed once for all cells (see
``ftbench.compile.compose``).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ftbench.compile.composed import Job
from ftbench.compile.hydra_configs import Choices, HydraConfigs
from ftbench.compile.select import has
from ftbench.core.cell import AXES, axis_of

_ABSENT = object()


class Fallback(Exception):
    """This job does not fit the fast pattern; let Hydra compose it."""


@dataclass
class _Option:
    """What ``axis=option`` with some of its sub-axes changes against the base of its frame.

    Attributes:
        others: other axes -> the option that it chooses for them.
        parts: its sub-axes -> option.
        idle: typed sub-axes that it does not bring.
        replaced: sub-axes with another option than it brings itself.
        keys: root key -> value.
        direct: whether this is all that it changes.
    """

    others: dict[str, str]
    parts: Choices
    idle: frozenset[str]
    replaced: frozenset[str]
    keys: dict[str, Any]
    direct: bool = True


@dataclass
class _Frame:
    base: dict[str, Any]
    choices: Choices
    options: dict[tuple[str, ...], _Option] = field(default_factory=dict)


class Frames:
    """Puts jobs together.

    Args:
        hydra: Hydra's own compositions.
    """

    def __init__(self, hydra: HydraConfigs) -> None:
        self._hydra = hydra
        self._frames: dict[tuple[str, ...], _Frame | None] = {}

    def compose(self, job: Job) -> tuple[dict[str, Any], Choices, set[str], set[str]]:
        """Returns a job's config, its choices, what is idle in it, and the sub-axes that were replaced.

        Raises:
            Fallback: where Hydra must compose the job.
        """
        frame = self._frame(job.frame)
        if frame is None:
            raise Fallback
        config, choices = dict(frame.base), dict(frame.choices)
        touched: set[str] = set()
        options = {
            axis: self._option(frame, job.frame, axis, name, job.parts_of(axis)) for axis, name in job.typed.items()
        }
        implied: dict[str, str] = {}
        for axis, option in options.items():
            if not option.direct:
                raise Fallback
            for other, name in option.others.items():
                if other in job.typed:
                    if len(option.others) > 1:
                        raise Fallback  # the overridden choice may have had effects of its own
                elif implied.setdefault(other, name) != name:
                    raise Fallback
            for key, value in option.keys.items():
                if key != axis and key in job.typed:
                    continue
                if key in touched:
                    raise Fallback
                touched.add(key)
                config[key] = value
        part_only = {axis: frame.choices.get(axis) for axis in map(axis_of, job.parts)}
        for axis, name in {**part_only, **implied}.items():
            if axis not in job.typed:
                options[axis] = self._untyped(frame, job, axis, name)
                config[axis] = options[axis].keys[axis]
        choices |= implied | job.typed
        idle: set[str] = set()
        for axis, option in options.items():
            choices = {
                group: name for group, name in choices.items() if not group.startswith(f"{axis}/")
            } | option.parts
            idle |= option.idle
        for key in {key.split(".")[0] for key, _ in job.values}:
            if key in config:
                config[key] = copy.deepcopy(config[key])
        for key, value in job.values:
            _assign(config, key, value, idle)
        return config, choices, idle, {group for option in options.values() for group in option.replaced}

    def _untyped(self, frame: _Frame, job: Job, axis: str, name: str | None) -> _Option:
        """Returns the option of an axis that nobody typed, with the sub-axes of it that somebody may have typed."""
        if name is None:
            raise Fallback
        parts = job.parts_of(axis)
        option = self._option(frame, job.frame, axis, name, parts)
        if parts and (not option.direct or set(option.keys) != {axis}):
            raise Fallback
        return option

    def _frame(self, frame_key: tuple[str, ...]) -> _Frame | None:
        if frame_key not in self._frames:
            try:
                base, choices = self._hydra.compose(frame_key)
            except Exception:
                self._frames[frame_key] = None
            else:
                self._frames[frame_key] = _Frame(base, choices)
        return self._frames[frame_key]

    def _option(
        self, frame: _Frame, frame_key: tuple[str, ...], axis: str, name: str, parts: Mapping[str, str]
    ) -> _Option:
        memo = (axis, name, *(f"{group}={chosen}" for group, chosen in sorted(parts.items())))
        if memo not in frame.options:
            words = [*frame_key, f"{axis}={name}"]
            config, choices, taken = self._hydra.with_parts(words, parts)
            brought = self._hydra.compose(words)[1]
            keys = {
                key: value
                for key, value in config.items()
                if key != "hydra" and (key == axis or frame.base.get(key, _ABSENT) != value)
            }
            others = {
                key: chosen for key in keys if key in AXES and key != axis and (chosen := choices[key]) is not None
            }
            own = {group: chosen for group, chosen in choices.items() if group.startswith(f"{axis}/")}
            replaced = frozenset(group for group, chosen in taken.items() if brought.get(group) != chosen)
            option = _Option(others, own, frozenset(parts) - frozenset(taken), replaced, keys)
            frame.options[memo] = option
            gone = set(frame.base) - set(config)
            pure = all(
                self._option(frame, frame_key, other, chosen, {}).keys[other] == keys[other]
                for other, chosen in others.items()
            )
            option.direct = pure and not gone and _hydra_part(config) == _hydra_part(frame.base)
        return frame.options[memo]


def _hydra_part(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the ``hydra`` node without what only repeats the overrides."""
    hydra = {key: value for key, value in config["hydra"].items() if key not in ("overrides", "runtime")}
    return {**hydra, "job": {key: value for key, value in hydra["job"].items() if key != "override_dirname"}}


def _assign(config: dict[str, Any], key: str, value: Any, idle: set[str]) -> None:
    """Sets ``a.b.c`` as Hydra would; anything but replacing an existing plain value is left to Hydra."""
    if not has(config, key):
        if key.split(".")[0] not in AXES:
            raise Fallback
        idle.add(key)
        return
    *path, last = key.split(".")
    node = config
    for part in path:
        node = node[part]
    if isinstance(node[last], dict) or isinstance(value, dict):
        raise Fallback
    node[last] = value
