"""The one way to write a file: it appears whole or not at all. Text is UTF-8 with LF line ends; JSON is strict."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ftbench.core.errors import FtbenchError


@contextmanager
def replacing(path: Path, *, asked: str | None = None) -> Iterator[Path]:
    """Yields a scratch place beside ``path``; what the block writes there takes the place of ``path`` in one step.

    A link at the scratch place is removed, never followed, and nothing is left there when the block raises. What is no
    file (``/dev/stdout``, a pipe) is written to as it is.

    Args:
        path: the file.
        asked: what a user typed to have it, such as ``--json FILE``: where the disk refuses, the error names it.

    Raises:
        FtbenchError: with ``asked``, when the file cannot be written.
        OSError: without it.
    """
    if path.exists() and not path.is_file():
        scratch = path
    else:
        scratch = path.with_name(f"{path.name}.part")
    try:
        if scratch != path:
            scratch.unlink(missing_ok=True)  # it may be a link, and what that points to is not ours to overwrite
        try:
            yield scratch
            if scratch != path:
                scratch.replace(path)
        except BaseException:
            if scratch != path:
                scratch.unlink(missing_ok=True)
            raise
    except OSError as error:
        if asked is None:
            raise
        raise FtbenchError(f"{asked}: cannot be written ({error.strerror or error}). Name another place") from error


def write_bytes(path: Path, content: bytes, *, private: bool = False, asked: str | None = None) -> None:
    """Writes a file; ``private`` ones are their owner's alone. See ``replacing``."""
    with replacing(path, asked=asked) as scratch:
        flags = os.O_WRONLY | (os.O_TRUNC if scratch == path else os.O_CREAT | os.O_EXCL)
        with open(os.open(scratch, flags, 0o600 if private else 0o666), "wb") as file:
            file.write(content)


def write_text(path: Path, text: str, *, private: bool = False, asked: str | None = None) -> None:
    """Writes a file of text. See ``write_bytes``."""
    write_bytes(path, text.encode("utf-8"), private=private, asked=asked)


def json_text(value: Any, *, indent: int | None = 1, sort_keys: bool = False, allow_nan: bool = False) -> str:
    """Returns JSON with a line end behind it; keys in the order given unless sorted.

    Raises:
        ValueError: for NaN and infinity, which are no JSON, unless ``allow_nan``.
    """
    return json.dumps(value, indent=indent, sort_keys=sort_keys, ensure_ascii=False, allow_nan=allow_nan) + "\n"


def write_json(path: Path, value: Any, *, indent: int | None = 1, sort_keys: bool = False) -> None:
    """Writes a file of JSON. See ``json_text``."""
    write_text(path, json_text(value, indent=indent, sort_keys=sort_keys))


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Writes one JSON object a line, keys in the order given. Returns the number of rows."""
    count = 0
    with replacing(path) as scratch, open(scratch, "w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json_text(row, indent=None))
            count += 1
    return count


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the objects of a file written by ``write_jsonl``."""
    with open(path, encoding="utf-8", newline="\n") as file:
        for line in file:
            yield json.loads(line)
