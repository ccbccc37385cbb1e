"""How a signal ends a process: an exception of its own, and a flag for code that swallows or replaces every exception.

Code that is not ours may catch whatever is raised in it (a bare ``except:``) or raise something else in its place.
Therefore whoever turns an exception into data, or publishes what such code has made, calls ``check`` first
(mistake 40).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(BaseException):
    """The process has to end. It is no ``SystemExit``: that is what a metric raises that calls ``sys.exit``, a failed
    row.

    Attributes:
        status: the exit status.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"ended with status {status}")
        self.status = status


class _State:
    """What this process knows of its end."""

    status: int | None = None
    owner = 0
    shielded = False


def install() -> None:
    """Lets SIGINT and SIGTERM raise ``Terminated`` in the main thread of this process, from which it must be called."""
    _State.status, _State.owner = None, os.getpid()
    for number in SIGNALS:
        signal.signal(number, _handle)


def terminate(status: int) -> NoReturn:
    """Ends the process as a signal does.

    Raises:
        Terminated: always.
    """
    _State.status = status
    raise Terminated(status)


def ended() -> int | None:
    """Returns the exit status of a process that has to end, None for any other."""
    return _State.status


def check() -> None:
    """Does nothing, unless the process has to end.

    Raises:
        Terminated: again, where code that is not ours may have swallowed the first.
    """
    if _State.status is not None:
        raise Terminated(_State.status)


@contextmanager
def shielded() -> Iterator[None]:
    """Keeps a further signal from interrupting what is inside, such as the removal of a temporary folder."""
    _State.shielded = True
    try:
        yield
    finally:
        _State.shielded = False


@contextmanager
def handled() -> Iterator[None]:
    """Handles signals as ``install`` does while code that is not ours works, and as before afterwards.

    Raises:
        Terminated: at the end too, where that code swallowed the first.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    install()
    try:
        yield
        check()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _State.status = None


def _handle(number: int, _: FrameType | None) -> None:
    if os.getpid() != _State.owner:  # a forked child inherits this handler; it ends as it would without us
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        return
    if _State.status is None:
        _State.status = 128 + number
    if not _State.shielded:
        raise Terminated(_State.status)
