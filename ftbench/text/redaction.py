"""Takes secrets, home folders, and the names of user and machine out of whatever leaves this machine."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ftbench.text.secrets import scrub

_HOME = re.compile(
    r"(?:/home/|/Users/|/root(?=/|\b)|[A-Za-z]:\\+Users\\+|/mnt/[a-z]/Users/)[^\s/\\:\"'<>|,;]*", re.IGNORECASE
)
_PATH = re.compile(
    r"(?<![\w:/.~…>-])/(?:[\w.@+=~-]+/)+[\w.@+=~-]*|\b[A-Za-z]:\\(?:[^\s\\/:\"'<>|]+\\)+[^\s\\/:\"'<>|]*"
)


def redacted(value: Any, *, paths: bool = True) -> Any:
    """Returns text or plain JSON without secrets, home folders, and names of the user and machine in places.

    Args:
        value: text, or dicts, lists and tuples of it; other types are returned as they are.
        paths: take every absolute path down to its last part, and mask text under keys that name a secret; for what
            ftbench wrote. False for data, in which ``/a/b`` may be an answer and a column may be called ``token``.
    """
    return _walked(scrub(value, named=paths), paths)


def _walked(value: Any, paths: bool) -> Any:
    if isinstance(value, str):
        return _reduced(value, paths)
    if isinstance(value, Mapping):
        return {_walked(key, paths): _walked(item, paths) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_walked(item, paths) for item in value)
    return value


def _reduced(text: str, paths: bool) -> str:
    if "/" in text or "\\" in text:
        text = _places().sub("~", text)
        text = _HOME.sub("~", text)
        if paths:
            text = _PATH.sub(lambda found: "…/" + re.split(r"[/\\]", found.group().rstrip("/\\"))[-1], text)
    named = _names()
    return named.sub("***", text) if named else text


@lru_cache(maxsize=1)
def _places() -> re.Pattern[str]:
    """Returns the home folder and the folder that ftbench was started in."""
    known = {str(Path.home()), os.getcwd()} - {"/"}
    return re.compile(
        "(?:" + "|".join(re.escape(place) for place in sorted(known, key=len, reverse=True)) + r")(?![\w-])"
    )


@lru_cache(maxsize=1)
def _names() -> re.Pattern[str] | None:
    """Returns ``user@host``, and the machine's own name where it is long enough to be one."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = ""
    host = socket.gethostname()
    found = [rf"\b{re.escape(user)}@[\w.-]+"] if user else []
    found += [rf"\b{re.escape(host)}\b"] if len(host) >= 8 and host != "localhost" else []
    return re.compile("|".join(found)) if found else None
