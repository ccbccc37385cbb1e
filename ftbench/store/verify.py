"""Checks every file of every stage against the digests in its receipt, and sets damaged stages aside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ftbench.core.errors import FtbenchError
from ftbench.core.stage import RECORD
from ftbench.store.folders import Linked
from ftbench.store.lock import Busy, locked
from ftbench.store.store import Store


@dataclass
class Checked:
    """What one check found.

    Attributes:
        stages: how many were looked at.
        bytes: of their files.
        damaged: key -> what is wrong, those that could not be read included.
        aside: key -> where it was moved.
        left: damaged keys that stay, each with the reason.
        undigested: stages of an earlier version, whose receipts hold no digests.
    """

    stages: int = 0
    bytes: int = 0
    damaged: dict[str, str] = field(default_factory=dict)
    aside: dict[str, Path] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    undigested: int = 0


@dataclass(frozen=True)
class Finding:
    """What is worth a line about one stage.

    Attributes:
        what: ``damaged``, ``unread``, ``changed``, ``aside``, ``sound`` or ``stays``.
        key: of the stage.
        kind: of the stage, or ``stage`` where that cannot be read.
        text: what was found or done.
    """

    what: str
    key: str
    kind: str
    text: str


def verify(store: Store, *, repair: bool, found: Checked) -> Iterator[Finding]:
    """Reads every byte of a store's stages; yields what it finds as it goes, and sums it up in ``found``.

    Args:
        store: to check.
        repair: whether damaged stages are set aside.
        found: filled while the findings are read.
    """
    for key in store.keys(every=True):
        kind, inputs = _record(store.folder(key))
        for what, text in _check(store, key, inputs, repair, found):
            yield Finding(what, key, kind, text)


def _check(
    store: Store, key: str, inputs: Mapping[str, str], repair: bool, found: Checked
) -> Iterator[tuple[str, str]]:
    found.stages += 1
    found.bytes += store.size(key)
    try:
        problem = store.damage(key, thorough=True)
    except FtbenchError as error:
        found.damaged[key] = found.left[key] = str(error)
        yield "unread", str(error)
        return
    if problem is None:
        found.undigested += store.receipt(key).files is None
        if changed := store.changed(key, inputs):
            roles = ", ".join(changed)
            yield "changed", f"was made from other bytes of its input {roles}; the next run makes it again"
        return
    found.damaged[key] = problem
    yield "damaged", problem
    if repair:
        yield _repair(store, key, found)


def _repair(store: Store, key: str, found: Checked) -> tuple[str, str]:
    """Sets one stage aside under its lock, unless another process has made it again since."""
    try:
        with locked(store.lock_path(key), wait=False):
            if store.damage(key, thorough=True) is None:
                del found.damaged[key]
                return "sound", "another process has made it again meanwhile"
            found.aside[key] = store.set_aside(key)
            return "aside", f"now in {found.aside[key]}"
    except Busy:
        found.left[key] = "another process works on it. Repeat when that has ended"
    except Linked as error:
        found.left[key] = str(error)
    except OSError as error:
        found.left[key] = f"cannot be moved ({error.strerror or error}). Change the permissions of the store"
    return "stays", found.left[key]


def _record(folder: Path) -> tuple[str, Mapping[str, str]]:
    """Returns kind and inputs of a stage as its folder says; ``stage`` and none where that cannot be read."""
    try:
        said = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return str(said["kind"]), {str(role): str(key) for role, key in said["inputs"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "stage", {}
