"""Splits rows off the training rows: by group, by time, or row by row; always the same for the same seed.

*Units* are split, never rows: all rows of a group (mistake 36), or all rows with the same prompt where there
is no group, so that no question is both trained on and scored.

Seeded: units are put into the order of ``sha256(seed, unit)``. Test takes units from the front while that brings its
number of rows nearer to ``fraction * rows``; validation then does the same with the rest. A unit's place depends on its
own name and the seed alone, so rows that are added later move only units near the two borders; and a group too large
for a split is passed over, so the fractions come as near as this order allows.

By time: units go by their latest row; the latest are test, those before them validation, and units of equal time stay
together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

FEWEST = 3


@dataclass(frozen=True)
class Unit:
    """Rows that must not be parted.

    Attributes:
        name: group id, or whatever else stands for the unit; decides its place in the seeded order.
        rows: indices of its rows.
        time: of its latest row; None where the split goes by seed.
    """

    name: str
    rows: tuple[int, ...]
    time: int | float | str | None


def units(names: Sequence[str], times: Sequence[int | float | str] | None) -> list[Unit]:
    """Gathers rows into units by name; with ``times``, units whose latest rows are of equal time become one."""
    members: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        members.setdefault(name, []).append(row)
    if times is None:
        return [Unit(name, tuple(rows), None) for name, rows in members.items()]
    moments: dict[int | float | str, list[tuple[str, list[int]]]] = {}
    for name, rows in members.items():
        moments.setdefault(max(times[row] for row in rows), []).append((name, rows))
    return [
        Unit(min(name for name, _ in held), tuple(sorted(row for _, rows in held for row in rows)), moment)
        for moment, held in moments.items()
    ]


def split_off(found: Sequence[Unit], fractions: Sequence[float], seed: int) -> list[set[int]]:
    """Chooses the rows of one or more held-out splits.

    Args:
        found: the units, at least one more than there are fractions.
        fractions: of all rows, one for each split; the first is served first (so test comes before validation).
        seed: of the order; without meaning where units have times.

    Returns:
        A set of row indices for each fraction. None is empty, none overlap, and at least one unit is left over.

    Raises:
        ValueError: with fewer units than splits.
    """
    if len(found) <= len(fractions):
        raise ValueError(f"{len(found)} units cannot fill {len(fractions) + 1} splits")
    by_time = found[0].time is not None
    rest = (
        sorted(found, key=lambda unit: unit.time, reverse=True)
        if by_time
        else sorted(found, key=lambda unit: rank(seed, unit.name))
    )
    total = sum(len(unit.rows) for unit in found)
    chosen = []
    for later, fraction in enumerate(fractions, start=1):
        spare = len(rest) - (len(fractions) - later) - 1  # units that must stay for the splits to come and for training
        taken = (_front if by_time else _nearest)(rest, max(1.0, fraction * total), spare)
        chosen.append({row for unit in taken for row in unit.rows})
        kept = set(map(id, taken))
        rest = [unit for unit in rest if id(unit) not in kept]
    return chosen


def rank(seed: int, name: str) -> str:
    """Returns the place of a name in the order of a seed: hexadecimal digits that sort like a shuffle."""
    return hashlib.sha256(f"{seed}\x00{name}".encode()).hexdigest()


def first_in_order(names: Sequence[str], limit: int | None, seed: int) -> list[int]:
    """Returns the indices of the first ``limit`` names in the seeded order, in the order given.

    A smaller limit gives a subset of a larger one, and sorted files (by class, by date) are sampled evenly.
    """
    if limit is None or limit >= len(names):
        return list(range(len(names)))
    return sorted(sorted(range(len(names)), key=lambda index: rank(seed, names[index]))[:limit])


def _nearest(order: Sequence[Unit], wanted: float, spare: int) -> list[Unit]:
    """Takes units from the front, passing over those that would lead away from ``wanted`` rows; at least the smallest
    one.
    """
    taken: list[Unit] = []
    rows = 0
    for unit in order:
        if len(taken) == spare:
            break
        if abs(rows + len(unit.rows) - wanted) < abs(rows - wanted):
            taken.append(unit)
            rows += len(unit.rows)
    return taken or [min(order, key=lambda unit: len(unit.rows))]


def _front(order: Sequence[Unit], wanted: float, spare: int) -> list[Unit]:
    """Takes the shortest run from the front that comes nearest to ``wanted`` rows; at least one unit."""
    taken = [order[0]]
    rows = len(order[0].rows)
    for unit in order[1:spare]:
        if abs(rows + len(unit.rows) - wanted) >= abs(rows - wanted):
            break
        taken.append(unit)
        rows += len(unit.rows)
    return taken
