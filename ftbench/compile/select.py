"""``matrix.exclude`` and ``matrix.couple``: which cells a condition means, and what a couple sets in them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from ftbench.compile.composed import Composed
from ftbench.core.cell import AXES
from ftbench.core.errors import Problem, Problems, did_you_mean

_ABSENT = object()


def matches(cell: Composed, roots: dict[str, str], condition: dict[str, Any]) -> bool:
    """Tells whether every term of a condition holds.

    Args:
        cell: a composed cell.
        roots: axis or sub-axis -> option that a preset is made of (``method`` -> ``none`` for ``method=prompting``).
        condition: axis or sub-axis -> option name, compared as typed and then as resolved; or dotted key in full ->
            value.
    """
    return all(_holds(cell, roots, key, wanted) for key, wanted in condition.items())


def _holds(cell: Composed, roots: dict[str, str], key: str, wanted: Any) -> bool:
    accepted = wanted if isinstance(wanted, list) else [wanted]
    if key in AXES or "/" in key:
        return any(str(name) in (cell.typed.get(key), cell.choices.get(key), roots.get(key)) for name in accepted)
    return value_at(cell.config, key) in accepted


def unknown_terms(
    cells: list[Composed], names: dict[str, list[str]], condition: dict[str, Any], place: str
) -> list[Problem]:
    """Returns a problem for each term that can match nothing: no such option on the axis or sub-axis, no such key in
    any cell.

    Args:
        cells: of the matrix.
        names: axis or sub-axis -> its options.
        condition: see ``matches``.
        place: for the message.
    """
    problems = Problems()
    for key, wanted in condition.items():
        if key in names:
            for name in wanted if isinstance(wanted, list) else [wanted]:
                if str(name) not in names[key]:
                    problems.add(place, f"{key}: {name} is no option", did_you_mean(str(name), names[key]))
        elif "/" in key:
            problems.add(place, f"{key} is no sub-axis", did_you_mean(key, [group for group in names if "/" in group]))
        elif all(value_at(cell.config, key) is _ABSENT for cell in cells):
            why = f"{key} is in no cell of this matrix"
            problems.add(place, why, "Conditions name an axis (method: lora) or a key (method.rank: 8)")
    return problems


def couple(
    cell: Composed, config: dict[str, Any], roots: dict[str, str], rules: list[dict[str, Any]]
) -> dict[str, Any]:
    """Returns ``config`` with every matching couple applied in order, never over a value that the user typed.

    Args:
        cell: as composed; conditions look at it.
        config: the cell's config so far.
        roots: as for ``matches``.
        rules: of ``matrix.couple``.

    Raises:
        KeyError: when a couple sets a key that the cell does not have.
    """
    copied = False
    for rule in rules:
        if not matches(cell, roots, rule["when"]):
            continue
        for key, value in rule["set"].items():
            if key in cell.values:
                continue
            if not copied:
                config, copied = copy.deepcopy(config), True
            *path, last = key.split(".")
            node = config
            for part in path:
                node = node.get(part) if isinstance(node, dict) else None
            if not isinstance(node, dict) or last not in node:
                raise KeyError(key)
            node[last] = value
    return config


def changed(before: Mapping[str, Any], after: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Returns dotted key -> value of what differs from before, node by node."""
    found: dict[str, Any] = {}
    for key, value in after.items():
        if isinstance(value, Mapping) and isinstance(before.get(key), Mapping):
            found |= changed(before[key], value, f"{place}.{key}")
        elif before.get(key) != value:
            found[f"{place}.{key}"] = value
    return found


def dotted(values: Mapping[str, Any], place: str) -> Iterator[str]:
    """Yields every dotted key of a component's node, those of the nodes in it among them."""
    for key, value in values.items():
        if not key.startswith("_"):
            yield f"{place}.{key}"
            if isinstance(value, Mapping):
                yield from dotted(value, f"{place}.{key}")


def value_at(config: dict[str, Any], key: str) -> Any:
    """Returns the value at a dotted key, or a mark that equals nothing where there is none."""
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            return _ABSENT
        node = node[part]
    return node


def has(config: dict[str, Any], key: str) -> bool:
    """Tells whether there is a value at a dotted key."""
    return value_at(config, key) is not _ABSENT
