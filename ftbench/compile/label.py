"""Short names that tell the cells of one matrix apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from ftbench.core.cell import AS_TRAINED, AXES, Cell, axis_of, sub_axes

ALWAYS = ("model", "method", "context")


def labels(cells: Sequence[tuple[dict[str, str], dict[str, Any]]], replaced: Collection[str] = ()) -> list[str]:
    """Names each cell by its model, method and context, and by whatever else differs within the matrix.

    A sub-axis stands behind its axis where the axis's option does not tell it: where cells of one option differ by it,
    or where some cell has another than its option brings.

    Args:
        cells: per cell, axis and sub-axis -> resolved option, and dotted key -> value for what was typed or coupled.
        replaced: sub-axes that some cell has another option of than its axis's option brings.

    Returns:
        One label per cell, all different if the cells are, such as ``tiny lora zero_shot rank=16``.
    """
    varying = {axis for axis in AXES if len({names[axis] for names, _ in cells}) > 1}
    varying |= {
        group
        for group in sub_axes([names for names, _ in cells])
        if group in replaced or _told_by_no_option(cells, group)
    }
    keys = list(dict.fromkeys(key for _, values in cells for key in values))
    told = [key for key in keys if len({repr(values[key]) for _, values in cells if key in values}) > 1]
    found = _labels(cells, varying, told)
    return (
        found
        if len(set(found)) == len({repr(cell) for cell in cells})
        else _labels(cells, varying, [key for key in keys if _differs(cells, key)])
    )


def distinct(cells: dict[str, Cell]) -> dict[str, Cell]:
    """Appends the id where two different cells, or two approaches, would still read the same."""
    labels_seen = [cell.label for cell in cells.values()]
    ways = list({cell.approach: cell.approach_label for cell in cells.values()}.values())
    found = {}
    for key, cell in cells.items():
        label = f"{cell.label} {key[:4]}" if labels_seen.count(cell.label) > 1 else cell.label
        way = (
            f"{cell.approach_label} {cell.approach[:4]}" if ways.count(cell.approach_label) > 1 else cell.approach_label
        )
        found[key] = replace(cell, label=label, approach_label=way)
    return found


def _labels(cells: Sequence[tuple[dict[str, str], dict[str, Any]]], varying: set[str], keys: list[str]) -> list[str]:
    short = _shorten(keys)
    found = []
    for names, values in cells:
        parts = []
        for axis in AXES_SHOWN:
            parts += [names[axis]] if _tells(axis, names[axis], varying) else []
            parts += [
                names[group]
                for group in sub_axes([names])
                if axis_of(group) == axis and group in varying and names[group]
            ]
        found.append(" ".join(parts + [f"{short[key]}={_show(values[key])}" for key in keys if key in values]))
    return found


def _differs(cells: Sequence[tuple[dict[str, str], dict[str, Any]]], key: str) -> bool:
    return len({repr(values.get(key)) for _, values in cells}) > 1


def _told_by_no_option(cells: Sequence[tuple[dict[str, str], dict[str, Any]]], group: str) -> bool:
    """Tells whether cells with the same option of an axis differ by one of its sub-axes."""
    chosen: dict[str, set[str]] = {}
    for names, _ in cells:
        if group in names:
            chosen.setdefault(names[axis_of(group)], set()).add(names[group])
    return any(len(options) > 1 for options in chosen.values())


def _tells(axis: str, name: str, varying: set[str]) -> bool:
    """Whether an option stands in the label; an artifact does when it is more than what the method wrote."""
    return name != AS_TRAINED if axis == "artifact" else axis in ALWAYS or axis in varying


AXES_SHOWN = ("model", "method", "artifact", "context", "prompt", "dataset", "decoding", "hardware")


def _shorten(keys: list[str]) -> dict[str, str]:
    """Returns each key's last part, or the whole key where two would read the same."""
    last = Counter(key.rpartition(".")[2] for key in keys)
    return {key: key.rpartition(".")[2] if last[key.rpartition(".")[2]] == 1 else key for key in keys}


def _show(value: Any) -> str:
    if isinstance(value, str) and "/" in value:
        return value.rstrip("/").rpartition("/")[2]
    return "null" if value is None else str(value)
