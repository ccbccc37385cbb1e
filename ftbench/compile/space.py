"""The space in which ``effort`` looks for an approach's best configuration, and the order in which it is looked
through.

An option brings its own space in a node ``_search_``, which is taken out before the component is built:

    _search_:
      # factors of the cell's own value, whatever model, recipe or couple set it to
      learning_rate: {times: [0.25, 0.5, 1, 2, 4]}
      rank,alpha: [[8, 16.0], [16, 32.0]]            # several keys with commas move together
      context.window: [1, 2]                         # dots lead into nodes

So may the option of a sub-axis (``conf/context/retriever/bm25.yaml``); there and here a key may be short. The option's
own value belongs to every dimension and is tried first. ``effort.space.OPTION.KEY=[...]`` on the command line replaces
a dimension, its first value being the one to start from; null takes the dimension out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from ftbench.compile import select
from ftbench.core.canonical import canonical
from ftbench.core.cell import OPEN
from ftbench.core.errors import Problem, did_you_mean

NODE = "_search_"
CANDIDATES = 256
"""A space with more configurations than this is not listed; so many draws are made for each trial before any
configuration will do.
"""


InFull = Callable[[Mapping[str, Any], str], Mapping[str, Any]]
"""Returns dimensions with their keys in full, within the place that is named."""


def take_out(
    config: Mapping[str, Any], sub_axes: Sequence[str] = (), in_full: InFull = lambda names, place: names
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Returns a composed config without any ``_search_``, and axis -> what its option and those of its sub-axes
    brought.

    Args:
        config: of one cell.
        sub_axes: that it has, outer ones first. What an outer option says of a key stands in the place of what an inner
            one says.
        in_full: see ``InFull``.
    """
    found: dict[str, dict[str, Any]] = {}
    for group in (*OPEN, *sub_axes):
        axis, *path = place = group.split("/")
        node = select.value_at(dict(config), ".".join(place))
        if axis not in OPEN or not isinstance(node, Mapping) or not isinstance(node.get(NODE), Mapping):
            continue
        own = found.setdefault(axis, {})
        said = {key for name in own for key in _keys(axis, name)}
        for name, values in in_full(node[NODE], ".".join(place)).items():
            keys = [".".join([*path, key.strip()]) for key in str(name).split(",")]
            if not said & {f"{axis}.{key}" for key in keys}:
                own[",".join(keys)] = values
    return {key: without(value) if key in OPEN else value for key, value in config.items()}, found


def without(value: Any) -> Any:
    """Returns a node without ``_search_``, its own and those of the nodes in it."""
    if isinstance(value, Mapping):
        return {key: without(item) for key, item in value.items() if key != NODE}
    return [without(item) for item in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Space:
    """Dimensions and their values; each value is a tuple, one entry per key of the dimension.

    Attributes:
        dimensions: dotted keys (with their axis) -> values, the one to start from first.
    """

    dimensions: dict[tuple[str, ...], tuple[tuple[Any, ...], ...]]

    @property
    def size(self) -> int:
        return math.prod(len(values) for values in self.dimensions.values())

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(key for keys in self.dimensions for key in keys)

    def as_dict(self) -> dict[str, list[Any]]:
        """Returns ``method.learning_rate`` -> its values, as ``results.json`` tells them."""
        return {
            ",".join(keys): [value[0] if len(keys) == 1 else list(value) for value in values]
            for keys, values in self.dimensions.items()
        }

    def order(self, seed: int) -> Iterator[dict[str, Any]]:
        """Yields every configuration once, as key -> value: first the starting one, then such that all values are tried
        about equally often.

        More of the same order is its continuation, so that a larger budget repeats nothing. Of the configurations not
        yet tried the one is next whose values were tried least; a space too large to list draws it from the least tried
        values of each dimension.
        """
        sizes = [len(values) for values in self.dimensions.values()]
        random = Random(f"{seed}:{canonical(self.as_dict())}")
        counts = [[0] * size for size in sizes]
        tried: set[tuple[int, ...]] = set()
        small = self.size <= CANDIDATES
        rest = [_digits(number, sizes) for number in range(self.size)] if small else []
        random.shuffle(rest)
        point = (0,) * len(sizes)
        while True:
            tried.add(point)
            for place, index in enumerate(point):
                counts[place][index] += 1
            yield {
                key: value
                for place, (keys, values) in enumerate(self.dimensions.items())
                for key, value in zip(keys, values[point[place]], strict=True)
            }
            if len(tried) == self.size:
                return
            if small:
                point = min(
                    (other for other in rest if other not in tried),
                    key=lambda other: sum(counts[place][index] for place, index in enumerate(other)),
                )
                continue
            least = [[index for index, count in enumerate(own) if count == min(own)] for own in counts]
            drawn = [tuple(map(random.choice, least)) for _ in range(CANDIDATES)]
            point = next((other for other in drawn if other not in tried), point)
            while point in tried:
                point = _digits(random.randrange(self.size), sizes)


def space_of(
    config: Mapping[str, Any],
    own: Mapping[str, Mapping[str, Any]],
    wanted: Mapping[str, Mapping[str, Any]],
    fixed: frozenset[str],
) -> tuple[Space, list[Problem]]:
    """Returns the space around one cell.

    Args:
        config: of the cell, with everything set that is not searched.
        own: axis -> the option's ``_search_``.
        wanted: axis -> what ``effort.space`` says of the option.
        fixed: dotted keys that were typed, which stay as they are.
    """
    dimensions: dict[tuple[str, ...], tuple[tuple[Any, ...], ...]] = {}
    problems: list[Problem] = []
    for axis in OPEN:
        given = {_keys(axis, name): (name, values) for name, values in wanted.get(axis, {}).items()}
        brought = {_keys(axis, name): (name, values) for name, values in own.get(axis, {}).items()}
        replaced = {key for keys in given for key in keys}
        place = f"{axis}.{NODE}"
        for keys, (name, values) in brought.items():
            if not replaced & set(keys) and not fixed & set(keys) and values is not None:
                _add(dimensions, problems, config, keys, values, f"{place}.{name}", start=True)
        for keys, (name, values) in given.items():
            typed = fixed & set(keys)
            if typed:
                why = f"{min(typed)} is typed and searched at once"
                problems.append(Problem(f"effort.space.*.{name}", why, f"Leave {min(typed)}=... out, or the dimension"))
            elif values is not None:
                _add(dimensions, problems, config, keys, values, f"effort.space.*.{name}", start=False)
    return Space(dimensions), problems


def _keys(axis: str, name: str) -> tuple[str, ...]:
    return tuple(f"{axis}.{key.strip()}" for key in str(name).split(","))


def _add(
    dimensions: dict[tuple[str, ...], tuple[tuple[Any, ...], ...]],
    problems: list[Problem],
    config: Mapping[str, Any],
    keys: tuple[str, ...],
    values: Any,
    place: str,
    *,
    start: bool,
) -> None:
    """Adds one dimension, with the cell's own value first where ``start`` is true; says what is wrong with it."""
    unknown = [key for key in keys if not select.has(config, key)]
    if unknown:
        axis, _, name = unknown[0].partition(".")
        fix = did_you_mean(name, [key for key in config[axis] if not key.startswith("_")])
        problems.append(Problem(place, f"this {axis} has no {name}", fix))
        return
    own = tuple(select.value_at(config, key) for key in keys)
    if isinstance(values, Mapping):
        numbers = values.get("times")
        if (
            set(values) != {"times"}
            or not isinstance(numbers, list)
            or len(keys) != 1
            or any(isinstance(one, bool) or not isinstance(one, (int, float)) for one in (*numbers, *own))
        ):
            why = f"{dict(values)} is no {{times: [factors]}} of one number"
            problems.append(Problem(place, why, "Write such as {times: [0.5, 1, 2]}, or a list of values"))
            return
        found = [(_times(own[0], factor),) for factor in numbers]
    elif isinstance(values, list) and values:
        found = [(value,) if len(keys) == 1 else tuple(value) if isinstance(value, list) else () for value in values]
        if any(len(value) != len(keys) for value in found):
            why = f"{values} does not give a value for each of {', '.join(keys)}"
            problems.append(Problem(place, why, "Write a list of lists, one value per key"))
            return
    else:
        why = f"{values!r} is no list of values"
        problems.append(Problem(place, why, "Write [first, second, ...] or {times: [0.5, 1, 2]}"))
        return
    dimensions[keys] = tuple({canonical(value): value for value in ([own] if start else []) + found}.values())


def _times(value: float, factor: float) -> float | int:
    """Returns the product in six digits, as a whole number where the value is one."""
    return max(1, round(value * factor)) if isinstance(value, int) else float(f"{value * factor:.6g}")


def _digits(number: int, sizes: Sequence[int]) -> tuple[int, ...]:
    found = []
    for size in sizes:
        number, digit = divmod(number, size)
        found.append(digit)
    return tuple(found)
