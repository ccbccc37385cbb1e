"""Size and sha256 of a finished stage's files: taken when it is published, and compared with what is there when it is
read.

The rule, file by file:

- another size, or no such file: damaged;
- up to ``SMALL_BYTES``: the digest is taken at the first look of a process, and again when size, times or inode
  changed;
- larger (weights): the same, but a file of the recorded size and modification time is taken for what was written.

So a worker that starts does not read many GB of weights again, unless they were copied without their times or changed.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftbench.core.canonical import digest, file_digest
from ftbench.core.errors import FtbenchError
from ftbench.core.receipt import FILE, TIMED, Receipt
from ftbench.core.stage import RECORD

SMALL_BYTES = 8 << 20
"""Up to this size a file's digest is taken at the first look of a process, whatever its times say."""

NEEDED = {
    "score": ("scores.json", "statistics.npz"),
    "generate": ("outputs.jsonl",),
    "likelihood": ("likelihood.jsonl",),
}
"""Files without which a stage of a receipt without digests is no stage."""

_looked: dict[str, tuple[tuple[int, ...], str]] = {}
"""File -> what identified it when its digest was taken (size, times, inode), and the digest."""


def digests(folder: Path) -> dict[str, dict[str, Any]]:
    """Returns name -> ``bytes, sha256, mtime_ns`` of every file below a folder; the receipt has no entry of its own."""
    found = {}
    for base, _, names in os.walk(folder):
        for name in names:
            path = Path(base) / name
            relative = path.relative_to(folder).as_posix()
            if relative != FILE and path.is_file():
                status = path.stat()
                found[relative] = {"bytes": status.st_size, "sha256": file_digest(path), "mtime_ns": status.st_mtime_ns}
    return dict(sorted(found.items()))


def content(receipt: Receipt) -> str | None:
    """Returns one digest over a stage's files, those that hold times left out; None for a receipt without digests."""
    if receipt.files is None:
        return None
    return digest({name: entry["sha256"] for name, entry in receipt.files.items() if name not in TIMED})


def damage(folder: Path, receipt: Receipt, *, thorough: bool = False) -> str | None:
    """Returns what is wrong with the files of a finished stage, None where they are what was written.

    Args:
        folder: the stage's.
        receipt: its receipt; one of an earlier version holds no digests, and then JSON and arrays must be readable.
        thorough: take every digest, however large the file and whatever its times say.

    Raises:
        FtbenchError: when a file is there and this process may not, or cannot, read it.
    """
    if receipt.files is None:
        return _unreadable(folder, receipt)
    if not _is_list_of_files(receipt.files):
        return f"{FILE} does not list its files"
    for name, entry in receipt.files.items():
        if problem := _changed(folder / name, name, entry, thorough):
            return problem
    return None


def _changed(path: Path, name: str, entry: Mapping[str, Any], thorough: bool) -> str | None:
    try:
        status = os.stat(path)
        if status.st_size != entry["bytes"]:
            return f"{name} has {status.st_size:,} bytes and was written with {entry['bytes']:,}"
        if not thorough and status.st_size > SMALL_BYTES and status.st_mtime_ns == entry["mtime_ns"]:
            return None
        found = _digest(path, status)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return f"{name} is missing"
    except OSError as error:
        raise _cannot_read(path, error) from error
    return None if found == entry["sha256"] else f"{name} is not what was written (its sha256 differs)"


def _digest(path: Path, status: os.stat_result) -> str:
    """Returns a file's sha256, taken once per process for as long as the file stays the same."""
    identity = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
    known = _looked.get(str(path))
    if known is None or known[0] != identity:
        known = _looked[str(path)] = (identity, file_digest(path))
    return known[1]


def _unreadable(folder: Path, receipt: Receipt) -> str | None:
    """Returns what a stage without digests lacks, or which of its files is cut off."""
    # A bundle keeps of each stage what pages read, and no record.
    for name in NEEDED.get(receipt.kind, ()) if (folder / RECORD).is_file() else ():
        if not (folder / name).is_file():
            return f"{name} is missing"
    try:
        for path in sorted(path for path in folder.iterdir() if path.suffix in (".json", ".jsonl", ".npz")):
            status = path.stat()
            identity = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
            if status.st_size <= SMALL_BYTES and _looked.get(str(path)) != (identity, ""):
                if not _is_whole(path):
                    return f"{path.name} cannot be read"
                _looked[str(path)] = (identity, "")
    except OSError as error:
        raise _cannot_read(folder, error) from error
    return None


def _is_whole(path: Path) -> bool:
    try:
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
            return True
        if path.suffix == ".jsonl":
            lines = path.read_text(encoding="utf-8").split("\n")
            return all(isinstance(json.loads(line), dict) for line in lines if line)
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (ValueError, RecursionError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError):
        return False


def _is_list_of_files(files: Any) -> bool:
    """Whether a receipt's list is one that ``digests`` writes: names below the folder, sizes, digests, times."""
    kinds = {"bytes": int, "sha256": str, "mtime_ns": int}
    return isinstance(files, dict) and all(
        isinstance(entry, dict)
        and all(isinstance(entry.get(part), kind) for part, kind in kinds.items())
        and not Path(name).is_absolute()
        and ".." not in Path(name).parts
        for name, entry in files.items()
    )


def _cannot_read(path: Path, error: OSError) -> FtbenchError:
    fix = "Change its permissions, or run on a machine that can read it"
    return FtbenchError(f"{error.filename or path}: cannot be read ({error.strerror or error}). {fix}")
