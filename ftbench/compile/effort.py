"""Equal effort: turns the points of a matrix into the trials of their approaches, and later into what was chosen of
them.

The first round compiles as many trials of every approach as ``effort`` grants, over the approach's own space, scored on
the validation split alone. The second compiles the chosen configuration under each of ``effort.seeds``, scored on test
as well (docs/mistakes.md, number 29). What both rounds share, the store has from the first.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ftbench.compile import rules, select
from ftbench.compile.approach import approach_id
from ftbench.compile.groups import Groups
from ftbench.compile.point import Examined, Point
from ftbench.compile.settings import Settings, settings_node
from ftbench.compile.space import Space, space_of
from ftbench.core.cell import OPEN, TRIAL_AXES, Cell, axis_of, option_words
from ftbench.core.component import build
from ftbench.core.errors import Problem, Refused, did_you_mean
from ftbench.core.plan import Search
from ftbench.text.secrets import scrub

MOST_LEFT_OUT = 50
"""More configurations than this in a row that cannot be run end the drawing."""


@dataclass(frozen=True)
class Round:
    """Which round of a search is compiled.

    Attributes:
        trials: approach -> how many, where it is not ``effort.trials``; one where only dollars are granted.
        chosen: approach -> the trial that won; None for the first round.
    """

    trials: Mapping[str, int] = field(default_factory=dict)
    chosen: Mapping[str, Cell] | None = None


@dataclass
class Searched:
    """What one approach's search came to while compiling."""

    space: Space
    budget: int
    left_out: list[str]


Examine = Callable[[dict[str, Any]], Examined]


def expand(
    points: Sequence[Point], search: Round, loose: Collection[str], examine: Examine, groups: Groups
) -> tuple[list[Point], list[int], set[str], dict[str, Searched]]:
    """Turns each point into the trials or the winners of its approach that this round compiles.

    Args:
        points: without anything wrong in their settings.
        search: which round.
        loose: dotted keys that were typed or coupled.
        examine: builds a config and asks every rule about it.
        groups: of the search path.

    Returns:
        The new points, the place of the point each is of, ``loose`` with the searched keys, and approach -> its search,
        for the first round.
    """
    settings = build(settings_node(points[0].config), "")
    unknown = unknown_options(settings, [name for point in points for name in (point.composed.choices, point.names)])
    spaces = [space_around(point, settings, groups) for point in points]
    loose = {*loose, *(key for space, _ in spaces for key in space.keys)}
    begun: dict[str, list[tuple[Point, Space]]] = {}
    approaches: list[str | None] = []
    for point, (space, _) in zip(points, spaces, strict=True):
        parts = examine(point.config).parts
        approaches.append(approach_id(point.config, parts, loose) if parts is not None else None)
        begun.setdefault(approaches[-1] or "", []).append((point, space))
    found: list[Point] = []
    owners: list[int] = []
    searched: dict[str, Searched] = {}
    for number, (point, approach, (_, problems)) in enumerate(zip(points, approaches, spaces, strict=True)):
        problems = [*unknown, *problems, *rules.priced_effort(point.config, settings)]
        if approach is None or problems:
            made = [replace(point, problems=(*point.problems, *problems))]
        else:
            made, told = _variants(point, approach, begun[approach], search, settings, examine)
            if told is not None:
                searched[approach] = told
        found += made
        owners += [number] * len(made)
    return found, owners, loose, searched


def _variants(
    point: Point,
    approach: str,
    alike: Sequence[tuple[Point, Space]],
    search: Round,
    settings: Settings,
    examine: Examine,
) -> tuple[list[Point], Searched | None]:
    """Returns the points of this round, and in the first one what the search came to. ``alike`` are the points of the
    same approach.
    """
    first, space = alike[0]
    swept = swept_values(
        first.config, point.config, " ".join(point.names[axis] for axis in ("model", "method", "context"))
    )
    if swept:
        return [replace(point, problems=tuple(swept))], None
    options = {axis: {option_words(other.names, axis): other for other, _ in alike} for axis in TRIAL_AXES}
    space = Space(
        {
            **{(axis,): tuple((name,) for name in named) for axis, named in options.items() if len(named) > 1},
            **space.dimensions,
        }
    )

    def variant(values: Mapping[str, Any], seed: int) -> Point:
        chosen = {axis: values[axis] for axis in TRIAL_AXES if axis in values}
        config = with_values(first.config, {key: value for key, value in values.items() if key not in chosen})
        config |= {axis: options[axis][name].config[axis] for axis, name in chosen.items()}
        names = {group: name for group, name in first.names.items() if axis_of(group) not in chosen}
        names |= {
            group: name
            for axis, words in chosen.items()
            for group, name in options[axis][words].names.items()
            if axis_of(group) == axis
        }
        return replace(first, config={**config, "seed": seed}, names=names, searched=dict(values))

    if search.chosen is not None:
        won = search.chosen.get(approach)
        return (
            [variant({key: won.values[key] for key in space.keys}, seed) for seed in settings.effort.seeds]
            if won
            else [first]
        ), None
    found: list[Point] = []
    left_out: list[str] = []
    for values in space.order(settings.effort.seed):
        trial = variant(values, settings.seed)
        problems = examine(trial.config).problems
        if problems and not found:
            return [replace(trial, problems=tuple(problems))], None
        if problems:
            tried = " ".join(f"{key}={value}" for key, value in values.items())
            left_out.append(scrub(f"{tried}: {problems[0].where}: {problems[0].why}"))
        else:
            found.append(trial)
        if len(found) >= search.trials.get(approach, settings.effort.trials or 1) or len(left_out) > MOST_LEFT_OUT:
            break
    return found, Searched(space, settings.effort.trials or 0, left_out)


def space_around(point: Point, settings: Settings, groups: Groups) -> tuple[Space, list[Problem]]:
    """Returns the space around a point: its options' own, and what ``effort.space`` says of them by name (as typed or
    as resolved).
    """
    wanted: dict[str, dict[str, Any]] = {axis: {} for axis in OPEN}
    problems: list[Problem] = []
    for name, dimensions in settings.effort.space.items():
        chosen = [
            group
            for group in point.names
            if axis_of(group) in OPEN and name in (point.composed.choices.get(group), point.names[group])
        ]
        nodes = [select.value_at(point.config, group.replace("/", ".")) for group in chosen]
        for key, values in _flat(dimensions or {}, nodes):
            try:
                places = [_place(group, key, groups) for group in chosen]
            except Refused as refused:
                problems += refused.problems
                continue
            # a name may stand on two axes (method=rag is a preset, context=rag is not): a key goes where it exists
            for axis, keys in [
                (axis, keys) for axis, keys in places if select.has(point.config, f"{axis}.{keys.split(',')[0]}")
            ] or places[:1]:
                wanted[axis][keys] = values
    space, wrong = space_of(point.config, point.composed.search, wanted, point.composed.values)
    return space, [*problems, *wrong]


def _flat(dimensions: Mapping[str, Any], nodes: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Yields keys and values, keys that lead into a node of an option with dots: ``effort.space.rag.chunking.size`` is
    typed as nodes.
    """
    for key, value in dimensions.items():
        inside = [node[key] for node in nodes if isinstance(node, Mapping) and isinstance(node.get(key), Mapping)]
        if isinstance(value, Mapping) and inside:
            yield from ((f"{key}.{name}", found) for name, found in _flat(value, inside))
        else:
            yield str(key), value


def _place(group: str, names: str, groups: Groups) -> tuple[str, str]:
    """Returns the axis, and the keys within it in full, that a dimension of an axis's or sub-axis's option is of."""
    axis, *path = group.split("/")
    (keys,) = groups.keys_in_full({names: None}, ".".join([axis, *path]))
    return axis, ",".join(".".join([*path, key]) for key in keys.split(","))


def unknown_options(settings: Settings, names: Sequence[Mapping[str, str]]) -> list[Problem]:
    """Returns a problem for each name in ``effort.space`` that is no option of any cell."""
    known = {option for name in names for group, option in name.items() if axis_of(group) in OPEN}
    return [
        Problem(f"effort.space.{name}", "no cell of this matrix has such an option", did_you_mean(name, known))
        for name in settings.effort.space
        if name not in known
    ]


def swept_values(first: Mapping[str, Any], other: Mapping[str, Any], approach: str) -> list[Problem]:
    """Refuses two points of one approach that differ by typed values: they would double its budget."""
    differing = [axis for axis in (*OPEN, "seed") if axis not in TRIAL_AXES and first.get(axis) != other.get(axis)]
    if not differing:
        return []
    changes = {
        key: value
        for axis in differing
        if axis != "seed"
        for key, value in select.changed(first[axis], other[axis], axis).items()
    }
    pairs = {key: (select.value_at(first, key), value) for key, value in changes.items()}
    key, (one, two) = next(iter(pairs.items()), ("seed", (first["seed"], other["seed"])))
    fix = (
        f"Set effort.seeds=[{one},{two}] instead"
        if key == "seed"
        else f"Give the values to the search: effort.space.OPTION.{key.partition('.')[2]}=[{one},{two}]"
    )
    return [Problem(key, f"is swept beside effort, which grants {approach} one budget", fix)]


def with_values(config: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a copy of a config with the values at their dotted keys."""
    found = {key: copy.deepcopy(value) if key in OPEN else value for key, value in config.items()}
    for key, value in values.items():
        *path, last = key.split(".")
        node: Any = found
        for part in path:
            node = node[part]
        node[last] = value
    return found


def searches(found: Mapping[str, Searched], cells: Sequence[Cell]) -> tuple[Search, ...]:
    """Returns what the plan keeps of each search. ``cells`` are the trials of all."""
    own = {approach: [cell for cell in cells if cell.approach == approach] for approach in found}
    return tuple(
        Search(
            approach,
            trials[0].approach_label,
            found[approach].space.as_dict(),
            found[approach].space.size,
            found[approach].budget,
            tuple(cell.id for cell in trials),
            tuple(found[approach].left_out),
        )
        for approach, trials in own.items()
        if trials
    )
