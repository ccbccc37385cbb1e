"""One text for one value: canonical JSON, and the sha256 keys that are taken over it.

A key must be the same in every process, on every machine and under every ``PYTHONHASHSEED``. So only plain JSON
values are taken; anything else (a set, an object, NaN) is an error here and not a surprise later.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEY_LENGTH = 64


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(value: Any) -> str:
    """Returns the one JSON text of ``value``: keys sorted, no white space, floats by ``repr``, non-ASCII kept.

    ``1`` and ``1.0`` differ, as they do in JSON; typed configs have made them one type before they come here.

    Raises:
        TypeError: for a value that plain JSON cannot hold, NaN and infinities included.
    """
    return _ENCODER.encode(value if _is_plain(value) else _plain(value, "$"))


def digest(value: Any) -> str:
    """Returns the sha256 of ``canonical(value)`` as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode("utf-8")).hexdigest()


def file_digest(path: Path) -> str:
    """Returns the sha256 of a file's bytes as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_plain(value: Any) -> bool:
    """True for what JSON can take as it stands: nearly everything that comes, told apart without a copy or a place for
    an error.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool or kind is int:
        return True
    if kind is float:
        return math.isfinite(value)
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str or not _is_plain(item):
                return False
        return True
    if kind is list or kind is tuple:
        for item in value:
            if not _is_plain(item):
                return False
        return True
    return False


def _plain(value: Any, place: str) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TypeError(f"{place}: {value!r} has no place in a key; write a finite number or null")
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{place}: the key {key!r} is not text; write it in quotes")
        return {key: _plain(item, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{place}[{index}]") for index, item in enumerate(value)]
    raise TypeError(f"{place}: {type(value).__name__} is no plain JSON value")
