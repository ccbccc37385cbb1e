"""Composes thousands of cells fast, and equal to what ``hydra.compose`` gives.

Hydra composes one config in about 0.1 s. A matrix repeats the same few options, so each distinct option is composed once
and a cell is put together from those parts:

* the *frame* of a job is every override that is not ``axis=option`` or a plain ``key=value``: recipes, ``+x=1``, ``~x``.
  Jobs of one matrix mostly share it. The frame alone gives the base config.
* ``axis=option`` is composed once per frame. What it changes against the base is its *effect*: its own node, the choice
  of another axis (a preset), or other keys.
* a cell is the base, plus effects, plus its plain values, with ``${a.b}`` resolved.

A value of one option (``method.rank=8``) is typed for a whole matrix, where other options (``method=none``) have no such key.
The command line hands it over as ``++method.rank=8`` so that Hydra's first composition does not stumble; here it is set
where it exists and listed as ``idle`` where it does not. The rules refuse a key that is idle in every cell.

Whatever does not fit this pattern exactly (two effects on one key, a preset that edits another axis's values, an unknown
key) is composed by Hydra itself, so that its result, or its error message, is the real one.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.default_element import ConfigDefault
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ftbench.compile.interpolate import resolve
from ftbench.core.cell import AXES


@dataclass(frozen=True)
class Composed:
    """One composed cell.

    Attributes:
        config: the resolved application config, without the ``hydra`` node.
        search: axis -> what its option says of its space, where the compiler has taken that out of ``config``.
        raw: the same before resolution, to see what was interpolated.
        choices: config group -> option chosen.
        typed: axis -> option as typed on the command line or in a recipe's sweep.
        values: keys that the user typed a value for (``method.rank``), which no couple may change.
        idle: typed keys of an axis that this cell's option does not have (``method.rank`` under ``method=none``).
        overrides: what was typed for this job.
    """

    config: dict[str, Any]
    raw: dict[str, Any]
    choices: dict[str, str]
    typed: dict[str, str]
    values: frozenset[str]
    idle: frozenset[str]
    overrides: tuple[str, ...]
    search: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Option:
    """What ``axis=option`` changes against the base of its frame."""

    choices: dict[str, str]
    keys: dict[str, Any]
    direct: bool = True


@dataclass
class _Frame:
    base: dict[str, Any]
    choices: dict[str, str]
    options: dict[tuple[str, str], _Option] = field(default_factory=dict)


class _Fallback(Exception):
    """This job does not fit the fast pattern; let Hydra compose it."""


class Composer:
    """Composes cells under one primary config.

    Args:
        loader: Hydra's config loader, as plug-ins and ``hydra.initialize`` have it.
        config_name: name of the primary config.
        hydra_overrides: the ``hydra.*`` overrides of the command line, common to all jobs.
    """

    def __init__(self, loader: ConfigLoaderImpl, config_name: str, hydra_overrides: Sequence[str] = ()) -> None:
        self.loader = loader
        self.config_name = config_name
        self.hydra_overrides = list(hydra_overrides)
        self._parser = OverridesParser.create(config_loader=loader)
        # Only Hydra's own way of making the repository knows hydra.searchpath.
        self._repository = loader._parse_overrides_and_create_caching_repo(config_name, self.hydra_overrides)[1]
        self._parsed: dict[str, Override] = {}
        self._frames: dict[tuple[str, ...], _Frame | None] = {}
        self._nodes: dict[tuple[str, str], dict[str, Any] | None] = {}
        self._options: dict[str, list[str]] = {}
        self._slow: dict[tuple[str, ...], tuple[dict[str, Any], dict[str, str]]] = {}

    def compose(self, overrides: Sequence[str]) -> Composed:
        """Composes one job.

        Raises:
            hydra.errors.HydraException: what Hydra itself would say of a bad override.
        """
        typed, values, frame = self._sort(overrides)
        idle: set[str] = set()
        try:
            raw, choices = self._fast(typed, values, frame, idle)
        except _Fallback:
            raw, choices = self._whole(typed, values, frame, idle)
        kept = {key: value for key, value in raw.items() if key != "hydra"}
        names = frozenset(key for text in overrides if (key := self.parse(text).key_or_group) not in AXES)
        shown = tuple(text.removeprefix("++") if text.startswith("++") and _is_axis_value(self.parse(text)) else text for text in overrides)
        return Composed(resolve(kept), kept, choices, typed, names - idle, frozenset(idle), shown)

    def parse(self, text: str) -> Override:
        """Returns the parsed override; parsing costs 1 ms, so each distinct text is parsed once."""
        if text not in self._parsed:
            self._parsed[text] = self._parser.parse_override(text)
        return self._parsed[text]

    def options(self, axis: str) -> list[str]:
        """Returns the names that ``axis=`` takes, a user's ``--config-dir`` included."""
        if axis not in self._options:
            self._options[axis] = self._repository.get_group_options(axis)
        return self._options[axis]

    def root_option(self, axis: str, name: str) -> str:
        """Returns the option that a preset is made of: ``none`` for ``method=prompting``, the name itself for others."""
        found = self._repository.load_config(f"{axis}/{name}")
        for default in (found.defaults_list or []) if found else []:
            if isinstance(default, ConfigDefault) and default.path not in (None, "_self_") and "/" not in default.path:
                return self.root_option(axis, default.path)
        return name

    def option_node(self, group: str, name: str) -> dict[str, Any] | None:
        """Returns the unresolved node of ``group/name`` from the search path, or None when there is no such option."""
        if (group, name) not in self._nodes:
            self._nodes[group, name] = None
            if name in self.options(group):
                search = [text for text in self.hydra_overrides if text.lstrip("+").startswith("hydra.searchpath")]
                config = self.loader.load_configuration(None, [*search, f"+{group}@_node_={name}"], RunMode.RUN, from_shell=False)
                self._nodes[group, name] = OmegaConf.to_container(config._node_, resolve=False)
        return self._nodes[group, name]

    def hydra_config(self, overrides: Sequence[str]) -> DictConfig:
        """Returns Hydra's own full config of one job (0.1 s)."""
        return self.loader.load_configuration(self.config_name, [*self.hydra_overrides, *overrides], RunMode.RUN)

    # -- one job ---------------------------------------------------------------------------------------------------

    def _sort(self, overrides: Sequence[str]) -> tuple[dict[str, str], list[str], tuple[str, ...]]:
        """Returns ``axis -> option``, values in the order typed, and the frame."""
        typed: dict[str, str] = {}
        values: list[str] = []
        frame: list[str] = []
        for text in overrides:
            override = self.parse(text)
            key, plain = override.key_or_group, override.package is None and not (override.is_add() or override.is_force_add() or override.is_delete())
            if plain and key in AXES and isinstance(override.value(), str):
                typed[key] = override.value()
            elif _is_axis_value(override) or (plain and not key.startswith("hydra.") and not self._is_group(key)):
                values.append(text)
            else:
                frame.append(text)
        return typed, values, tuple(frame)

    def _key(self, text: str) -> str:
        return self.parse(text).key_or_group

    def _is_group(self, key: str) -> bool:
        return self._repository.group_exists(key.replace(".", "/"))

    def _fast(
        self, typed: dict[str, str], values: list[str], frame_key: tuple[str, ...], idle: set[str]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        frame = self._frame(frame_key)
        if frame is None:
            raise _Fallback
        config, choices = dict(frame.base), dict(frame.choices)
        touched: set[str] = set()
        options = {axis: self._option(frame, frame_key, axis, name) for axis, name in typed.items()}
        implied: dict[str, str] = {}
        for axis, option in options.items():
            if not option.direct:
                raise _Fallback
            for other, name in option.choices.items():
                if other in typed:
                    if len(option.choices) > 1:
                        raise _Fallback  # the overridden choice may have had effects of its own
                elif implied.setdefault(other, name) != name:
                    raise _Fallback
            for key, value in option.keys.items():
                if key != axis and key in typed:
                    continue
                if key in touched:
                    raise _Fallback
                touched.add(key)
                config[key] = value
        choices.update(implied)
        choices.update(typed)
        for key in {self._key(text).split(".")[0] for text in values}:
            if key in config:
                config[key] = copy.deepcopy(config[key])
        for text in values:
            _assign(config, self._key(text), self.parse(text).value(), idle)
        return config, choices

    def _whole(
        self, typed: dict[str, str], values: list[str], frame_key: tuple[str, ...], idle: set[str]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Lets Hydra compose the options, then the whole job, less the values that its options have no key for."""
        options = [f"{axis}={name}" for axis, name in typed.items()]
        config, _ = self._compose([*frame_key, *options])
        idle.update(key for key in map(self._key, values) if key.split(".")[0] in AXES and not _has(config, key))
        rest = [text.removeprefix("++") for text in values if self.parse(text).key_or_group not in idle]
        return self._compose([*frame_key, *options, *rest])

    def _frame(self, frame_key: tuple[str, ...]) -> _Frame | None:
        if frame_key not in self._frames:
            try:
                base, choices = self._compose(list(frame_key))
            except Exception:  # noqa: BLE001 - the same job is composed again by Hydra, which then says what is wrong
                self._frames[frame_key] = None
            else:
                self._frames[frame_key] = _Frame(base, choices)
        return self._frames[frame_key]

    def _option(self, frame: _Frame, frame_key: tuple[str, ...], axis: str, name: str) -> _Option:
        if (axis, name) not in frame.options:
            config, choices = self._compose([*frame_key, f"{axis}={name}"])
            keys = {key: value for key, value in config.items() if key != "hydra" and (key == axis or frame.base.get(key, _ABSENT) != value)}
            others = {key: choices[key] for key in keys if key in AXES and key != axis}
            option = _Option(others, keys)
            frame.options[axis, name] = option
            gone = set(frame.base) - set(config)
            pure = all(self._option(frame, frame_key, other, chosen).keys[other] == keys[other] for other, chosen in others.items())
            option.direct = pure and not gone and _hydra_part(config) == _hydra_part(frame.base)
        return frame.options[axis, name]

    def _compose(self, overrides: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
        key = tuple(overrides)
        if key not in self._slow:
            config = self.hydra_config(overrides)
            choices = {group: name for group, name in config.hydra.runtime.choices.items() if isinstance(name, str)}
            self._slow[key] = OmegaConf.to_container(config, resolve=False), choices
        return self._slow[key]


_ABSENT = object()


def _hydra_part(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the ``hydra`` node without what only repeats the overrides."""
    hydra = {key: value for key, value in config["hydra"].items() if key not in ("overrides", "runtime")}
    return {**hydra, "job": {key: value for key, value in hydra["job"].items() if key != "override_dirname"}}


def _is_axis_value(override: Override) -> bool:
    """True for ``method.rank=8`` and ``++method.rank=8``: a value of whatever option the cell has on that axis."""
    key = override.key_or_group
    return "." in key and key.split(".")[0] in AXES and override.package is None and not override.is_add() and not override.is_delete()


def _has(config: dict[str, Any], key: str) -> bool:
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            return False
        node = node[part]
    return True


def _assign(config: dict[str, Any], key: str, value: Any, idle: set[str]) -> None:
    """Sets ``a.b.c`` as Hydra would; anything but replacing an existing plain value is left to Hydra."""
    if not _has(config, key):
        if key.split(".")[0] not in AXES:
            raise _Fallback
        idle.add(key)
        return
    *path, last = key.split(".")
    node = config
    for part in path:
        node = node[part]
    if isinstance(node[last], dict) or isinstance(value, dict):
        raise _Fallback
    node[last] = value
