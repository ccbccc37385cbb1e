"""Keeps secrets out of whatever is written: receipts, errors and log lines pass through ``scrub`` first.

What counts as a secret: the value of an environment variable whose name says so (``HF_TOKEN``, ``OPENAI_API_KEY``,
``DB_PASSWORD``), and text of a well-known shape (``hf_...``, ``sk-...``, ``ghp_...``, ``Bearer ...``), set or not.
A value of 4 to 7 characters is masked only where it stands as a word of its own, so that it cannot tear holes into
hashes; a shorter one is not masked at all.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

MASK = "***"

_NAME = re.compile(r"(TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIALS?)$|PASSWORD|PASSWD|SECRET", re.IGNORECASE)
_WORDS = frozenset({"true", "false", "none", "null", "auto"})
_SHORTEST, _ANYWHERE = 4, 8

_SHAPES = (
    r"\bhf_[A-Za-z0-9]{8,}",
    r"\bsk-[A-Za-z0-9_-]{8,}",
    r"\bgh[pousr]_[A-Za-z0-9]{8,}",
    r"\bgithub_pat_[A-Za-z0-9_]{8,}",
    r"\bglpat-[A-Za-z0-9_-]{8,}",
    r"\bxox[abprs]-[A-Za-z0-9-]{8,}",
    r"\bAKIA[0-9A-Z]{12,}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+",
    r"(?i:(?<=bearer )[^\s\"',;]{6,})",
    r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)",
    r"(?i:(?<=password=)|(?<=passwd=)|(?<=secret=)|(?<=api_key=)|(?<=api-key=)|(?<=apikey=)|(?<=token=))[^\s\"',;&]{4,}",
)
_SHAPE = re.compile("|".join(_SHAPES))


def names_secret(name: str) -> bool:
    """Says whether a variable or config key of this name is meant to hold a secret."""
    return _NAME.search(name) is not None


def holds_secret(text: str) -> bool:
    """Says whether ``scrub`` would mask anything in ``text``."""
    return scrub(text) != text


def scrub(value: Any) -> Any:
    """Returns ``value`` with every secret in its texts replaced by ``***``.

    Args:
        value: text, or plain JSON; dicts (keys too), lists and tuples are walked, other types returned as they are.
    """
    return _scrubbed(value, _known(_from_environment()))


def _scrubbed(value: Any, known: re.Pattern[str] | None) -> Any:
    if isinstance(value, str):
        return _SHAPE.sub(MASK, known.sub(MASK, value) if known else value)
    if isinstance(value, Mapping):
        return {_scrubbed(key, known): _scrubbed(item, known) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_scrubbed(item, known) for item in value)
    return value


def _from_environment() -> tuple[str, ...]:
    """Returns the secret values of this process's environment; read each time, since a library may set one late."""
    return tuple(value for name, value in os.environ.items() if names_secret(name) and _is_secret(value))


def _is_secret(value: str) -> bool:
    return len(value.strip()) >= _SHORTEST and value.strip().lower() not in _WORDS


@lru_cache(maxsize=8)
def _known(values: tuple[str, ...]) -> re.Pattern[str] | None:
    """Returns one pattern over all secret values, longest first, in each spelling that a log may give them."""
    spellings: set[str] = set()
    for value in values:
        # A private key has many lines, and a log is scrubbed line by line.
        for part in {value, value.strip(), *value.splitlines()}:
            if _is_secret(part):
                spellings |= {part, quote(part), quote(part, safe=""), repr(part)[1:-1], json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1]}
    texts = sorted(spellings, key=len, reverse=True)
    patterns = [re.escape(text) if len(text) >= _ANYWHERE else rf"(?<!\w){re.escape(text)}(?!\w)" for text in texts]
    return re.compile("|".join(patterns)) if patterns else None
