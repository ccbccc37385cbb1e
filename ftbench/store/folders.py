"""Files and folders of a store: removed and moved without following a link, made durable, counted."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from ftbench.core.errors import FtbenchError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY


class Linked(FtbenchError):
    """A link stands between a root and what was to be removed or moved below it."""

    def __init__(self, link: Path) -> None:
        fix = "Put a real folder in its place (a store as a whole may be a link)"
        super().__init__(f"{link}: is a link, and nothing behind a link is removed or moved. {fix}")
        self.link = link


def parts_below(path: Path, root: Path) -> tuple[str, ...]:
    """Returns the names that lead from ``root`` to ``path``.

    Raises:
        ValueError: when ``path`` is the root itself, or leaves it.
    """
    parts = path.relative_to(root).parts if path.is_relative_to(root) else ()
    if not parts or ".." in parts:
        raise ValueError(f"{path} is not below {root}")
    return parts


def link_to(path: Path, root: Path) -> Path | None:
    """Returns the first link between ``root`` (which may be one itself) and ``path`` (which counts), or None."""
    place = root
    for part in parts_below(path, root):
        place = place / part
        if place.is_symlink():
            return place
    return None


def remove(path: Path, root: Path, *, ignore_errors: bool = False) -> None:
    """Removes a file, or a folder with everything in it; a link is removed itself, never what it points to.

    Args:
        path: what goes; may be missing.
        root: a folder that ``path`` lies below. It may be a link; no folder between the two may.
        ignore_errors: leave what cannot be removed, without a word.

    Raises:
        Linked: when a folder between the two is a link.
        ValueError: when ``path`` is not below ``root``.
    """
    *folders, name = parts_below(path, root)
    # Each folder is opened from the one above it, so that none can become a link between the look and the removal.
    handle = os.open(root, _FOLDER)
    place = root
    try:
        for part in folders:
            place = place / part
            try:
                inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
            except FileNotFoundError:
                return
            except OSError as error:
                if place.is_symlink():
                    raise Linked(place) from error
                raise
            os.close(handle)
            handle = inner
        if stat.S_ISDIR(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode):
            shutil.rmtree(name, ignore_errors=ignore_errors, dir_fd=handle)
        else:
            os.unlink(name, dir_fd=handle)
    except FileNotFoundError:
        return
    finally:
        os.close(handle)


def move(path: Path, target: Path, root: Path) -> None:
    """Renames a folder below ``root``, making the folder that it goes into.

    Raises:
        Linked: when either place is, or lies behind, a link.
    """
    for place in (path, target):
        if link := link_to(place, root):
            raise Linked(link)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.rename(target)


def size_bytes(path: Path) -> int:
    """Returns the bytes of a file, or of all files below a folder; what lies behind links is not counted."""
    if path.is_symlink() or path.is_file():
        return path.lstat().st_size
    return sum((Path(base) / name).lstat().st_size for base, _, names in os.walk(path) for name in names)


def settle(folder: Path) -> None:
    """Writes every file below ``folder`` through to the disk and makes it read-only, then the folders themselves."""
    for base, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(base) / name
            if not path.is_symlink():
                settle_file(path)
        fsync(Path(base))


def settle_file(path: Path) -> None:
    """Writes one file through to the disk and makes it read-only."""
    fsync(path)
    path.chmod(path.stat().st_mode & ~0o222)


def fsync(path: Path) -> None:
    """Writes a file or folder through to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def names(folder: Path) -> list[str]:
    """Returns the names in a folder; none where there is no folder."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
