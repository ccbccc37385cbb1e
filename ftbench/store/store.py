"""The store: finds finished stages and publishes new ones, so that a kill at any moment loses one stage and corrupts
none.

Layout of the folder::

    stages/ab/abcd.../    one finished stage: what its body wrote, stage.json and receipt.json; files are read-only
    work/KEY.HOST.PID.X/  a stage at work; dead when the lock of its key is free
    progress/KEY/         checkpoints that outlive an attempt; removed when the stage is published
    locks/ab/abcd....lock one lock file per key
    failed/KEY/TIME.json  receipts of failed attempts, oldest first
    damaged/KEY/TIME/     what a run set aside: other files than its receipt lists, or made from other bytes

A stage is finished when its folder holds a receipt of state ``done`` and the files that this lists; that the folder
exists means nothing. The receipt is the last file written into the temporary folder, and one rename then makes the
whole folder appear, so no reader ever sees half of it.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ftbench.core import termination
from ftbench.core.errors import FtbenchError
from ftbench.core.files import json_text, write_text
from ftbench.core.receipt import FILE, Receipt
from ftbench.store.digests import digests
from ftbench.store.folders import Linked, fsync, link_to, move, remove, settle, settle_file
from ftbench.store.lock import locked
from ftbench.store.reader import StoreReader
from ftbench.text.secrets import scrub


class Store(StoreReader):
    """A folder of finished stages; nothing is made on disk before the first ``begin``.

    Args:
        path: the store's folder, on a local disk or a file system shared by the nodes of a cluster.
    """

    def touch(self, key: str) -> None:
        """Notes that a finished stage was used now, so that ``gc --older-than`` counts from the last use."""
        with suppress(OSError):  # another user's store may be read-only; then its owner's gc decides by its own uses
            os.utime(self.folder(key) / FILE)

    @contextmanager
    def begin(
        self,
        key: str,
        kind: str,
        *,
        wait: bool = True,
        again: bool = False,
        on_wait: Callable[[str], None] | None = None,
        inputs: Mapping[str, str] | None = None,
        on_notice: Callable[[str], None] | None = None,
    ) -> Iterator[Attempt]:
        """Takes the lock of ``key`` and hands out a temporary folder; whatever is not published is removed at the end.

        Args:
            key: the stage.
            kind: its kind, for messages.
            wait: whether to wait for another process that holds the lock.
            again: hand out a folder even though the stage is finished (to run it again and compare).
            on_wait: called once with a sentence when there is somebody to wait for.
            inputs: role -> key of the stages that it reads; a finished stage that was made from other bytes of
                them is set aside.
            on_notice: called with a sentence when a damaged stage, or one made from other bytes, was set aside.

        Yields:
            An ``Attempt``. When somebody else finished the stage meanwhile, ``attempt.found`` is its folder, and there
            is nothing to do.

        Raises:
            Busy: when ``wait`` is False and another process holds the lock.
            Linked: when a folder that the attempt is to write into, and to clear up, is a link.
        """
        target = self.folder(key)
        for own in (self.work, self.progress_folder(key)):
            if link := link_to(own, self.path):
                raise Linked(link)

        def waiting() -> None:
            if on_wait:
                on_wait(f"{kind} {key[:12]}: waiting for {self._owner(key)}")

        with locked(self.lock_path(key), wait=wait, on_wait=waiting):
            found = self.find(key)  # the other process may have finished it while we waited
            changed = self.changed(key, inputs or {}) if found else []
            if found and not again and not changed:
                yield Attempt(self, key, target, found)
                return
            why = self.damage(key)
            if changed:
                why = f"was made from other bytes of its input {', '.join(changed)}"
            if why and not again:
                place = self.set_aside(key)
                if on_notice:
                    on_notice(f"{kind} {key[:12]}: {why}; set aside in {place}, and made again")
            for leftover in self.leftovers(key):  # we hold the lock, so whoever made these is dead
                remove(leftover, self.path, ignore_errors=True)
            folder = self.work / f"{key}.{_host()}.{os.getpid()}.{uuid.uuid4().hex[:8]}"
            folder.mkdir(parents=True)
            try:
                yield Attempt(self, key, folder, None)
            finally:
                with termination.shielded():  # a second signal must not cut the removal off
                    remove(folder, self.path, ignore_errors=True)

    def record_failure(self, receipt: Receipt) -> Path:
        """Writes a failed receipt beside the earlier ones of its key; returns the file."""
        folder = self.failed / receipt.key
        folder.mkdir(parents=True, exist_ok=True)
        name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        path = folder / f"{name}.json"
        write_text(path, json_text(scrubbed(receipt).as_dict(), sort_keys=True, allow_nan=True))
        return path

    def set_aside(self, key: str) -> Path:
        """Moves what stands in the place of a stage to ``damaged/KEY/TIME`` and returns that; to be called under the
        lock of ``key``.

        Raises:
            Linked: when either place lies behind a link: then it is for a person to move.
        """
        place = self.damaged / key / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
        move(self.folder(key), place, self.path)
        os.utime(place)  # gc counts from here
        return place

    def _owner(self, key: str) -> str:
        for folder in self.leftovers(key):
            _, host, pid, _ = folder.name.split(".")
            return f"process {pid} on {host}"
        return "another process"


@dataclass(frozen=True)
class Attempt:
    """One try at a stage, under its lock.

    Attributes:
        folder: the temporary folder to write into.
        found: the published folder when there is nothing to do, else None.
    """

    store: Store
    key: str
    folder: Path
    found: Path | None

    @property
    def scratch(self) -> Path:
        """A folder that outlives this attempt, made by whoever writes into it first; ``publish`` removes it."""
        return self.store.progress_folder(self.key)

    def publish(self, receipt: Receipt) -> Path:
        """Makes the folder durable and read-only, receipt last, and lets it appear under its key in one step.

        Returns:
            The published folder: this one, or that of somebody who published the same key first.

        Raises:
            FtbenchError: when the body wrote a file named like the receipt.
            Terminated: when a signal told the process to end, even where the body swallowed what it raised.
        """
        if (self.folder / FILE).exists():
            raise FtbenchError(f"{FILE} in {self.folder.name}: a stage's body must not write it; the worker does, last")
        settle(self.folder)
        replace(scrubbed(receipt), files=digests(self.folder)).write(self.folder)
        settle_file(self.folder / FILE)
        fsync(self.folder)
        target = self.store.folder(self.key)
        target.parent.mkdir(parents=True, exist_ok=True)
        while True:
            termination.check()
            try:
                self.folder.rename(target)  # takes the place of an empty folder, of nothing else
                break
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
            if found := self.store.find(self.key):
                return found
            self.store.set_aside(self.key)
        fsync(target.parent)
        remove(self.scratch, self.store.path, ignore_errors=True)
        return target

    def fail(self, receipt: Receipt) -> Path:
        """Keeps the receipt of a failed try apart, where the next run does not take it for a result."""
        return self.store.record_failure(receipt)


def scrubbed(receipt: Receipt) -> Receipt:
    """Returns the receipt with secrets masked in everything that is free text; key, kind and state stay."""
    return replace(
        receipt,
        device=scrub(receipt.device),
        environment=scrub(receipt.environment),
        provenance=scrub(receipt.provenance),
        details=scrub(receipt.details),
        error=scrub(receipt.error),
    )


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40] or "host"
