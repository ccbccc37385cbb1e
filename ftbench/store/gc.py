"""Removes from a store what nobody refers to any more.

    python -m ftbench gc --store DIR --keep SWEEP_DIR ... --older-than 30 --yes
    python -m ftbench gc --earlier --yes     # what was made before keys changed their form, whatever refers to it

Without ``--yes`` it only lists. A stage goes when no kept sweep's ``plan.json`` names it and it was last used longer
ago than ``--older-than`` days. The sweeps below ``./multirun`` are kept unless ``--keep`` names others. Temporary
folders of dead processes go too, and checkpoints and failed receipts of that age; checkpoints of a stage that a kept
plan names stay. Whatever is locked stays, and so does a link in the store with everything behind it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ftbench.core.errors import FtbenchError
from ftbench.core.plan import FILE as PLAN_FILE
from ftbench.core.receipt import FILE as RECEIPT_FILE
from ftbench.store.folders import link_to, move, remove, size_bytes
from ftbench.store.lock import Busy, locked
from ftbench.store.scheme import earlier_keys
from ftbench.store.secrets import scrub
from ftbench.store.store import Store

DAY_SECONDS = 86400.0
SWEEPS = Path("multirun")
"""Where a run leaves its sweeps unless ``hydra.sweep.dir`` says otherwise."""


@dataclass(frozen=True)
class Removal:
    """One thing that goes, or would go: ``what`` is ``stage``, ``leftover``, ``progress``, ``failure`` or
    ``damaged``.
    """

    what: str
    key: str
    path: Path
    bytes: int
    detail: str


@dataclass(frozen=True)
class Report:
    """What a collection removed (or would, under ``dry_run``).

    Attributes:
        removed: everything that goes.
        kept: finished stages that stay.
        young: how many of them stay for their age alone.
        busy: keys that another process holds; left alone whatever their age.
        dry_run: True when nothing was touched.
        linked: links in the store, behind which something would have gone; both stay.
    """

    removed: tuple[Removal, ...]
    kept: int
    young: int
    busy: tuple[str, ...]
    dry_run: bool
    linked: tuple[Path, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.removed)


def collect(store: Store, keep: set[str], older_than_days: float, dry_run: bool, *, earlier: bool = False) -> Report:
    """Removes unreferenced old stages, dead temporary folders and old failed receipts.

    Args:
        store: the store.
        keep: keys that stay whatever their age.
        older_than_days: a stage used, or a failure written, less than this many days ago stays.
        dry_run: only look.
        earlier: take finished stages of an earlier key scheme, of any age and referred to or not, and nothing else.

    Returns:
        What was, or would be, removed.
    """
    before = time.time() - older_than_days * DAY_SECONDS
    found = _Collection(store, dry_run)
    kept = young = 0
    if earlier:
        gone = [
            found.take("stage", key, store.folder(key), "of an earlier key scheme") for key in list(earlier_keys(store))
        ]
        return Report(
            tuple(found.removed),
            sum(1 for _ in store.keys()) - dry_run * sum(gone),
            0,
            tuple(found.busy),
            dry_run,
            tuple(found.linked),
        )
    for folder in store.leftovers():
        found.take("leftover", folder.name.partition(".")[0], folder, "temporary folder of a dead process")
    for key in list(store.keys()):
        folder = store.folder(key)
        used = (folder / RECEIPT_FILE).stat().st_mtime
        if key in keep or used > before:
            kept += 1
            young += key not in keep
            continue
        detail = f"{store.receipt(key).kind}, last used {(time.time() - used) / DAY_SECONDS:.0f} days ago"
        kept += not found.take("stage", key, folder, detail)
    for key in store.unfinished():
        folder = store.progress_folder(key)
        if store.published(key) or (key not in keep and folder.lstat().st_mtime <= before):
            found.take("progress", key, folder, "checkpoints of a killed attempt")
    for path in store.failures():
        if path.lstat().st_mtime <= before:
            found.take("failure", path.parent.name, path, "receipt of a failed attempt")
    for path in store.aside():
        if path.lstat().st_mtime <= before:
            found.take("damaged", path.parent.name, path, "set aside by a run or by verify --repair")
    return Report(
        tuple(found.removed), kept, young, tuple(dict.fromkeys(found.busy)), dry_run, tuple(dict.fromkeys(found.linked))
    )


class _Collection:
    """What one collection has removed, and what it had to leave."""

    def __init__(self, store: Store, dry_run: bool) -> None:
        self.store, self.dry_run = store, dry_run
        self.removed: list[Removal] = []
        self.busy: list[str] = []
        self.linked: list[Path] = []

    def take(self, what: str, key: str, path: Path, detail: str) -> bool:
        """Removes one thing under the lock of its key; False when somebody else holds that, or a link stands before
        it.
        """
        # A stage goes by way of the work folder, so that must not lead elsewhere either.
        ways = (path, self.store.work) if what == "stage" else (path,)
        if link := next((link for way in ways if (link := link_to(way, self.store.path))), None):
            self.linked.append(link)
            return False
        lock = self.store.lock_path(key)
        removal = Removal(what, key, path, size_bytes(path), detail)
        try:
            with locked(lock, wait=False):
                if not self.dry_run:
                    _remove(self.store, removal)
                if not self.store.published(key) and link_to(lock, self.store.path) is None:
                    # Safe while held: whoever waits on the unlinked file notices, and takes a new one.
                    lock.unlink(missing_ok=True)
        except Busy:
            self.busy.append(key)
            return False
        self.removed.append(removal)
        return True


def _remove(store: Store, removal: Removal) -> None:
    if removal.what != "stage":
        remove(removal.path, store.path)
        return
    # One rename first: a kill half-way leaves a leftover, never a stage that looks finished and lacks files.
    debris = store.work / f"{removal.key}.gc.{os.getpid()}.{uuid.uuid4().hex[:8]}"
    move(removal.path, debris, store.path)
    remove(debris, store.path)


def plans_below(folder: Path) -> list[Path]:
    """Returns every ``plan.json`` in and below a folder, behind links too: what a person reaches is still referred
    to.
    """
    found: list[Path] = []
    seen: set[str] = set()
    for base, below, files in os.walk(folder, followlinks=True):
        place = os.path.realpath(base)
        if place in seen:  # a link to a folder above, or two links to one
            below.clear()
            continue
        seen.add(place)
        found += [Path(base) / PLAN_FILE] * (PLAN_FILE in files)
    return sorted(found)


def referenced(sweep: Path) -> set[str]:
    """Returns the keys of all stages that the plans in and below a sweep folder name.

    Raises:
        FtbenchError: when there is no readable plan; deleting what it would have kept is no way to find out.
    """
    plans = [sweep] if sweep.is_file() else plans_below(sweep)
    if not plans:
        raise FtbenchError(f"--keep {sweep}: no {PLAN_FILE} in or below it. Name the folder of a sweep")
    keys: set[str] = set()
    for plan in plans:
        try:
            keys |= {stage["key"] for stage in json.loads(plan.read_text(encoding="utf-8"))["stages"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FtbenchError(
                f"--keep {plan}: is no plan ({type(error).__name__}: {error}). Remove the file or name another folder"
            ) from error
    return keys


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="python -m ftbench gc", description="List, and with --yes remove, stages that no kept sweep needs."
    )
    found.add_argument(
        "--store", type=Path, default=Path(".ftbench/store"), metavar="DIR", help="the store (default: %(default)s)"
    )
    keep = "keep what the plan.json in or below these folders name (default: ./multirun, where there is one)"
    found.add_argument("--keep", type=Path, nargs="+", action="extend", metavar="SWEEP_DIR", help=keep)
    found.add_argument(
        "--older-than",
        type=float,
        default=30.0,
        metavar="DAYS",
        help="remove only what was last used longer ago (default: %(default)g)",
    )
    found.add_argument(
        "--earlier",
        action="store_true",
        help="remove what has keys of an earlier version and so is no longer found; sweeps of then lose their examples",
    )
    group = found.add_mutually_exclusive_group()
    group.add_argument("--dry-run", action="store_true", help="only list what would go (the default)")
    group.add_argument("--yes", action="store_true", help="remove it")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the verb ``gc``; returns its exit status (2 for a bad command line)."""
    options = parser().parse_args(argv)
    try:
        if not options.store.is_dir():
            raise FtbenchError(f"--store {options.store}: no such folder. Name the store.dir of your runs")
        sweeps = options.keep or [SWEEPS] * bool(plans_below(SWEEPS))
        keep = set().union(*(referenced(sweep) for sweep in sweeps))
        report = collect(
            Store(options.store), keep, options.older_than, dry_run=not options.yes, earlier=options.earlier
        )
    except FtbenchError as error:
        print(f"ftbench: {scrub(str(error))}", file=sys.stderr)
        return 2
    for item in report.removed:
        print(f"{item.what:<9}{item.key[:12]}  {readable(item.bytes):>10}  {item.detail}")
    for key in report.busy:
        print(f"in use   {key[:12]}  stays")
    for link in report.linked:
        print(f"link     {link}  stays, and what is behind it: nothing behind a link is removed")
    verb = "would remove" if report.dry_run else "removed"
    hint = "; add --yes to remove them" if report.dry_run and report.removed else ""
    print(f"{verb} {len(report.removed)} things, {readable(report.bytes)}; {report.kept} stages stay{hint}")
    if report.young:
        print(
            f"{report.young} of them are named by no plan in {' or '.join(map(str, sweeps)) or 'any kept sweep'}, but"
            f" were used in the last {options.older_than:g} days; --older-than 0 takes them too"
        )
    return 0


def readable(count: int) -> str:
    """Returns ``"1.5 MB"`` for 1,500,000 bytes; powers of 1,000, as disks are sold."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
