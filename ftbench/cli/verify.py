"""Checks that a store holds what was written into it.

    python -m ftbench verify                          # every file of every stage in .ftbench/store, against its sha256
    # and sets the damaged stages aside, so that the next run makes them again
    python -m ftbench verify --store DIR --repair

Prints one line per damaged stage and a summary. Exit status: 0 all sound, or all damaged stages set aside; 1 something
is damaged, or could not be set aside or read; 2 bad command line. Nothing is deleted: what was set aside is in the
store's ``damaged/``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ftbench.core.errors import FtbenchError
from ftbench.core.stage import RECORD
from ftbench.store.folders import Linked
from ftbench.store.gc import SWEEPS, plans_below
from ftbench.store.lock import Busy, locked
from ftbench.store.store import Store
from ftbench.text.numbers import size


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


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the verb; returns its exit status.

    Raises:
        FtbenchError: when there is no such store.
    """
    options = parser().parse_args(argv)
    if not options.store.is_dir():
        raise FtbenchError(f"--store {options.store}: no such folder. Name the store.dir of your runs")
    store = Store(options.store)
    found = Checked()
    for key in store.keys(every=True):
        _check(store, key, options.repair, found)
    for line in _summary(found, options.repair, _sweeps(found.damaged)):
        print(line)
    return 1 if found.left or (found.damaged and not options.repair) else 0


def parser() -> argparse.ArgumentParser:
    """Returns the verb's command line."""
    found = argparse.ArgumentParser(
        prog="python -m ftbench verify", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument(
        "--store", type=Path, default=Path(".ftbench/store"), metavar="DIR", help="the store (default: %(default)s)"
    )
    found.add_argument(
        "--repair",
        action="store_true",
        help="set damaged stages aside, so that the next run that needs them makes them again",
    )
    return found


def _check(store: Store, key: str, repair: bool, found: Checked) -> None:
    found.stages += 1
    found.bytes += store.size(key)
    kind, inputs = _record(store.folder(key))
    try:
        problem = store.damage(key, thorough=True)
    except FtbenchError as error:
        found.damaged[key] = found.left[key] = str(error)
        _say("unread", key, kind, str(error))
        return
    if problem is None:
        found.undigested += store.receipt(key).files is None
        if changed := store.changed(key, inputs):
            _say(
                "changed",
                key,
                kind,
                f"was made from other bytes of its input {', '.join(changed)}; the next run makes it again",
            )
        return
    found.damaged[key] = problem
    _say("damaged", key, kind, problem)
    if repair:
        _repair(store, key, kind, found)


def _repair(store: Store, key: str, kind: str, found: Checked) -> None:
    """Sets one stage aside under its lock, unless another process has made it again since."""
    try:
        with locked(store.lock_path(key), wait=False):
            if store.damage(key, thorough=True) is None:
                _say("sound", key, kind, "another process has made it again meanwhile")
                del found.damaged[key]
            else:
                found.aside[key] = store.set_aside(key)
                _say("aside", key, kind, f"now in {found.aside[key]}")
    except Busy:
        found.left[key] = "another process works on it. Repeat when that has ended"
    except Linked as error:
        found.left[key] = str(error)
    except OSError as error:
        found.left[key] = f"cannot be moved ({error.strerror or error}). Change the permissions of the store"
    if key in found.left:
        _say("stays", key, kind, found.left[key])


def _record(folder: Path) -> tuple[str, Mapping[str, str]]:
    """Returns kind and inputs of a stage as its folder says; ``stage`` and none where that cannot be read."""
    try:
        said = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return str(said["kind"]), {str(role): str(key) for role, key in said["inputs"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "stage", {}


def _sweeps(damaged: Mapping[str, str]) -> dict[Path, int]:
    """Returns folder -> how many damaged stages the sweep there names, of those below ``./multirun``."""
    found = {}
    for plan in plans_below(SWEEPS) if damaged else ():
        try:
            keys = {stage["key"] for stage in json.loads(plan.read_text(encoding="utf-8"))["stages"]}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
        if count := len(keys & damaged.keys()):
            found[plan.parent] = count
    return found


def _summary(found: Checked, repair: bool, sweeps: Mapping[Path, int]) -> list[str]:
    lines = [
        f"{found.stages} stages, {size(found.bytes)}: {found.stages - len(found.damaged)} sound,"
        f" {len(found.damaged)} damaged"
    ]
    if found.undigested:
        lines.append(
            f"{found.undigested} are of an earlier version and hold no digests: their files can be read, no more is"
            " known"
        )
    if found.damaged:
        lines += [
            f"{sweep}: needs {count} of them; repeat its command, which makes them again"
            for sweep, count in sweeps.items()
        ]
        if not sweeps:
            lines.append(f"no sweep below ./{SWEEPS} names them; the next run that needs them makes them again")
    if found.damaged and not repair:
        lines.append("--repair sets them aside now; a run that needs them does so too")
    if found.left and repair:
        lines.append(f"{len(found.left)} could not be set aside; the lines above say why")
    return lines


def _say(what: str, key: str, kind: str, text: str) -> None:
    print(f"{what:<9}{key[:12]}  {kind:<10}  {text}", flush=True)
