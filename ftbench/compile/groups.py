"""What the search path holds: the options of axes and sub-axes, their fields, and how a key typed for short is written
in full.

A *sub-axis* is a config group inside an axis: a folder such as ``conf/context/retriever/``, shipped or in a user's
``--config-dir``. An option of the axis brings it by naming it in its defaults list. A key is *short* when it leaves the
sub-axis out (``context.k1`` for ``context.retriever.k1``). Nothing here knows a sub-axis by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from hydra.core.default_element import ConfigDefault, GroupDefault, InputDefault
from hydra.core.object_type import ObjectType
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigResult

from ftbench.compile.hydra_internals import ConfigRepository
from ftbench.core.cell import AXES
from ftbench.core.errors import Problem, Refused

NO_FIELDS = ("_target_", "_search_", "defaults")
_KEY = re.compile(r"(\+\+|\+|~)?([\w.]+)(?==|$)")


class Groups:
    """Axes, sub-axes and their options.

    Args:
        repository: of configs, as Hydra makes it from the search path.
    """

    def __init__(self, repository: ConfigRepository) -> None:
        self._repository = repository
        self._options: dict[str, list[str]] = {}
        self._below: dict[str, tuple[str, ...]] = {}
        self._fields: dict[str, frozenset[str]] = {}
        self._full: dict[str, str] = {}

    @property
    def sub_axes(self) -> tuple[str, ...]:
        """All sub-axes (``context/retriever``), in the order of their axes."""
        return tuple(group for axis in AXES for group in self.below(axis))

    def is_sub_axis(self, key: str) -> bool:
        axis, slash, _ = key.partition("/")
        return bool(slash) and axis in AXES and key in self.below(axis)

    def is_group(self, key: str) -> bool:
        return self._repository.group_exists(key)

    def below(self, group: str) -> tuple[str, ...]:
        """Returns the groups inside a group, each before those inside it."""
        if group not in self._below:
            names = sorted(self._repository.get_group_options(group, ObjectType.GROUP))
            inside = [f"{group}/{name}" for name in names]
            self._below[group] = tuple(one for path in inside for one in (path, *self.below(path)))
        return self._below[group]

    def options(self, group: str) -> list[str]:
        """Returns the names that ``group=`` takes, a user's ``--config-dir`` included."""
        if group not in self._options:
            self._options[group] = self._repository.get_group_options(group)
        return self._options[group]

    def root_option(self, group: str, name: str) -> str:
        """Returns the option that a preset is made of: ``none`` for ``method=prompting``, the name itself for others.

        An option with a class of its own is none of another, whatever values it takes from it.
        """
        found = self._load(f"{group}/{name}")
        own_class = found is not None and "_target_" in found.config
        for default in () if own_class else self._defaults(f"{group}/{name}"):
            if (
                isinstance(default, ConfigDefault)
                and default.package is None
                and default.path not in (None, "_self_")
                and "/" not in default.path
            ):
                return self.root_option(group, default.path)
        return name

    def bringing(self, group: str) -> list[str]:
        """Returns the options of the axis that have a sub-axis."""
        parent, _, name = group.rpartition("/")
        return [option for option in self.options(parent) if name in self._brought(f"{parent}/{option}")]

    def fields(self, group: str) -> frozenset[str]:
        """Returns the keys at the top level of any option of a group; what a sub-axis fills is none of them."""
        if group not in self._fields:
            subs = {path.removeprefix(f"{group}/") for path in self.below(group)}
            found = {field for name in self.options(group) for field in self._own_fields(f"{group}/{name}")}
            self._fields[group] = frozenset(found - subs)
        return self._fields[group]

    def full(self, key: str) -> str:
        """Returns a dotted key with the sub-axis that its field belongs to.

        A key stays as it is where the axis's own options have the field, and where nothing has it.

        Raises:
            Refused: where options of several sub-axes have it.
        """
        if key not in self._full:
            axis, *rest = key.split(".")
            known = axis in AXES and rest and self.below(axis)
            self._full[key] = ".".join([axis, *self._inside(axis, rest, key)]) if known else key
        return self._full[key]

    def spelled(self, text: str) -> str:
        """Returns an override (``++context.k1=1.2``) with its key in full.

        Raises:
            Refused: where the key is short for several.
        """
        match = _KEY.match(text)
        if match is None or "." not in match[2]:
            return text
        return f"{match[1] or ''}{self.full(match[2])}{text[match.end() :]}"

    def keys_in_full(self, values: Any, axis: str | None = None) -> Any:
        """Returns a mapping with its keys in full: dotted keys as they are, or keys within ``axis``, several of them
        with commas.

        Anything else than a mapping is returned as it is.

        Raises:
            Refused: where a key is short for several.
        """
        if not isinstance(values, Mapping):
            return values
        start = f"{axis}." if axis else ""
        names = {
            name: ",".join(self.full(start + key.strip()).removeprefix(start) for key in name.split(","))
            for name in values
            if isinstance(name, str)
        }
        return {names.get(name, name): value for name, value in values.items()}

    def config_in_full(self, config: dict[str, Any]) -> dict[str, Any]:
        """Returns a composed config whose matrix conditions, couples and judged-against cell have their keys in full.

        Raises:
            Refused: where a key is short for several.
        """
        found = dict(config)
        matrix, judge = config.get("matrix"), config.get("judge")
        if isinstance(matrix, Mapping):
            found["matrix"] = {
                **matrix,
                "exclude": self._each(matrix.get("exclude")),
                "couple": self._rules(matrix.get("couple")),
            }
        if isinstance(judge, Mapping) and "against" in judge:
            found["judge"] = {**judge, "against": self.keys_in_full(judge["against"])}
        return found

    def _each(self, conditions: Any) -> Any:
        return [self.keys_in_full(one) for one in conditions] if isinstance(conditions, list) else conditions

    def _rules(self, rules: Any) -> Any:
        if not isinstance(rules, list):
            return rules
        return [
            {name: self.keys_in_full(part) for name, part in rule.items()} if isinstance(rule, Mapping) else rule
            for rule in rules
        ]

    def _inside(self, group: str, rest: list[str], key: str) -> list[str]:
        if not rest:
            return rest
        field, *deeper = rest
        if f"{group}/{field}" in self.below(group):
            return [field, *self._inside(f"{group}/{field}", deeper, key)]
        if field in self.fields(group):
            return rest
        found = [path for path in self.below(group) if field in self.fields(path)]
        if len(found) > 1:
            whole = [".".join([*path.split("/"), *rest]) for path in found]
            raise Refused(
                [Problem(key, f"is short for {' and for '.join(whole)}", "Write the one that is meant in full")]
            )
        return [*found[0].removeprefix(f"{group}/").split("/"), *rest] if found else rest

    def _defaults(self, path: str) -> list[InputDefault]:
        found = self._load(path)
        return list(found.defaults_list or []) if found is not None else []

    def _load(self, path: str) -> ConfigResult | None:
        """Returns an option's file; None for one that cannot be read, which Hydra names where somebody chooses it."""
        try:
            return self._repository.load_config(path)
        except (yaml.YAMLError, UnicodeDecodeError, HydraException):
            return None

    def _own_fields(self, path: str) -> Iterator[str]:
        """Yields the keys that an option has at its top level, those of the options that it is made of among them."""
        found = self._load(path)
        if found is None or found.header.get("package") == "_global_":
            return
        yield from (str(key) for key in found.config if key not in NO_FIELDS)
        for default in found.defaults_list or []:
            package = default.package or ""
            if package and not package.startswith("_"):
                yield package.split(".")[0]
            elif (
                isinstance(default, ConfigDefault)
                and default.path not in (None, "_self_")
                and package in ("", "_here_", "_group_")
            ):
                yield from self._own_fields(_path(path, default.path))

    def _brought(self, path: str) -> set[str]:
        """Returns the groups, by their last name, that an option's defaults list names for itself."""
        group, found = path.rpartition("/")[0], set()
        for default in self._defaults(path):
            if isinstance(default, GroupDefault) and not default.package:
                found.add(_path(path, default.group).removeprefix(f"{group}/"))
            elif (
                isinstance(default, ConfigDefault)
                and default.path not in (None, "_self_")
                and default.package in (None, "", "_here_")
            ):
                found |= self._brought(_path(path, default.path))
        return found


def _path(base: str, name: str) -> str:
    """Returns the path from the root of a config that the defaults list of ``base`` names."""
    return name[1:] if name.startswith("/") else f"{base.rpartition('/')[0]}/{name}"
