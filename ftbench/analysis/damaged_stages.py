"""Stages whose files are not what was written: what a report says of their cells."""

from __future__ import annotations

from collections.abc import Mapping


def damage_line(stages: Mapping[str, str], damaged: Mapping[str, str]) -> str | None:
    """Returns why a cell of these stages (role -> key) counts as not done: the first that is damaged; None where none
    is.
    """
    told = next(((role, key) for role, key in stages.items() if key in damaged), None)
    return (
        None
        if told is None
        else f"{told[0]} {told[1][:12]} is damaged: {damaged[told[1]]}. Repeat the sweep's command: it is made again"
    )
