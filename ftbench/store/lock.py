"""One lock per key, held by the kernel for as long as its process lives: a killed process leaves no stale lock.

``flock`` through the ``filelock`` package. It works between the nodes of a cluster where the shared file system
passes locks on (NFS, Lustre with ``-o flock``); a file system without locks is refused and never guessed around.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ftbench.core.errors import FtbenchError

POLL_SECONDS = (0.02, 1.0)
"""First and longest pause between two looks at a lock that somebody else holds."""


class Busy(FtbenchError):
    """Another process holds the lock, and the caller did not want to wait."""


@contextmanager
def locked(path: Path, *, wait: bool, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Holds the lock file ``path`` while inside.

    Args:
        path: the lock file; made when absent, left in place afterwards.
        wait: whether to wait for another holder.
        on_wait: called once, when the lock is not free at the first look.

    Raises:
        Busy: when ``wait`` is False and another process holds the lock.
        FtbenchError: when the file system has no locks.
    """
    from filelock import FileLock, Timeout  # 30 ms; planning only looks for finished stages and needs no lock

    path.parent.mkdir(parents=True, exist_ok=True)
    # fallback_to_soft would take the mere existence of the file for a lock, which is stale after a kill -9.
    lock = FileLock(path, fallback_to_soft=False)
    pause, longest = POLL_SECONDS
    waited = False
    while True:
        try:
            lock.acquire(blocking=False)
            break
        except Timeout as error:
            if not wait:
                raise Busy(f"{path.stem}: another process works on it") from error
            if on_wait and not waited:
                on_wait()
            waited = True
            time.sleep(pause)
            pause = min(longest, pause * 1.5)
        except OSError as error:
            if error.errno in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
                raise FtbenchError(
                    f"store {path.parent}: this file system has no file locks ({error}). Set store.dir to one that has"
                ) from error
            raise
    try:
        yield
    finally:
        lock.release()
