"""Garbage collection: what a store holds that nobody refers to any more; ``ftbench.cli.gc`` is its command."""

from __future__ import annotations

import json
import os
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from ftbench.core.errors import FtbenchError
from ftbench.core.plan import FILE as PLAN_FILE
from ftbench.core.receipt import FILE as RECEIPT_FILE
from ftbench.store.folders import link_to, move, remove, size_bytes
from ftbench.store.lock import Busy, locked
from ftbench.store.scheme import earlier_keys
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
