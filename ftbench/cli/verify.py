"""Checks that a store holds what was written into it: every file of every stage, against its sha256.

    python -m ftbench verify                          # .ftbench/store
    # and sets the damaged stages aside, so that the next run makes them again
    python -m ftbench verify --store DIR --repair

Prints one line per damaged stage and a summary. Exit status: 0 all sound, or all damaged stages set aside; 1 something
is damaged, or could not be set aside or read; 2 bad command line. Nothing is deleted: what was set aside is in the
store's damaged/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ftbench.cli.parser import command
from ftbench.core.errors import FtbenchError
from ftbench.store.store import Store
from ftbench.store.verify import Checked, verify
from ftbench.sweep.folder import SWEEPS, plans_below, stage_keys
from ftbench.text.numbers import size


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns its exit status.

    Raises:
        FtbenchError: when there is no such store.
    """
    parser = command("verify", __doc__)
    parser.add_argument(
        "--store", type=Path, default=Path(".ftbench/store"), metavar="DIR", help="the store (default: %(default)s)"
    )
    parser.add_argument(
        "--repair",
        action="store_true",
        help="set damaged stages aside, so that the next run that needs them makes them again",
    )
    words = parser.parse_args(argv)
    if not words.store.is_dir():
        raise FtbenchError(f"--store {words.store}: no such folder. Name the store.dir of your runs")
    found = Checked()
    for result in verify(Store(words.store), repair=words.repair, found=found):
        print(f"{result.what:<9}{result.key[:12]}  {result.kind:<10}  {result.text}", flush=True)
    for line in _summary(found, words.repair, _sweeps_naming(found.damaged)):
        print(line)
    return 1 if found.left or (found.damaged and not words.repair) else 0


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


def _sweeps_naming(damaged: Mapping[str, str]) -> dict[Path, int]:
    """Returns folder -> how many damaged stages the sweep there names, of those below ``./multirun``."""
    found = {}
    for plan in plans_below(SWEEPS) if damaged else ():
        try:
            keys = stage_keys(plan)
        except FtbenchError:
            continue
        if count := len(keys & damaged.keys()):
            found[plan.parent] = count
    return found
