"""What the cells of one approach share: their options. Values within the options, instructions
(``core.cell.TRIAL_AXES``) and seeds are trials of it.

A recipe or preset makes no other approach than the options it stands for. Another base model, data set or machine does,
also where it is typed as a value (``model.name_or_path=a,b``): what is tuned is the way, not the question. Options of
an axis of ``TRIAL_AXES`` are trials too.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

from ftbench.compile.lower import Parts
from ftbench.core.canonical import digest
from ftbench.core.cell import OPEN, TRIAL_AXES

ID_LENGTH = 10


def is_open(key: str) -> bool:
    """Tells whether a dotted key is a value within an option that may be tuned."""
    return "." in key and key.split(".")[0] in OPEN


def approach_id(config: Mapping[str, Any], parts: Parts, loose: Collection[str]) -> str:
    """Returns the id of a cell's approach.

    Args:
        config: of the cell.
        parts: its components; those of the closed axes enter by their identity.
        loose: the dotted keys that were typed, coupled or searched, whose values make no other approach.
    """
    shared: dict[str, Any] = {axis: one.identity() for axis, one in parts.by_axis.items() if axis not in OPEN} | {
        "dataset": parts.data_identity()
    }
    for axis in (axis for axis in OPEN if axis not in TRIAL_AXES):
        shared[axis] = copy.deepcopy(config[axis])
        for key in loose:
            *path, last = key.split(".")
            node: Any = {axis: shared[axis]}
            for part in path:
                node = node.get(part) if isinstance(node, dict) else None
            if isinstance(node, dict) and path:
                node.pop(last, None)
    return digest(shared)[:ID_LENGTH]
