"""What ``dataset.train`` and its kin may name: a file, a folder of files, a list of either, or a data set on the hub.

Also their fingerprints: local data by the sha256 of its bytes, hub data by its commit. Names and places of files are no
part of a fingerprint, so that data may move; their format is, since the same bytes read as ``.tsv`` are other rows.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ftbench.core.canonical import file_digest
from ftbench.core.errors import Problem, Refused
from ftbench.data import hub
from ftbench.data.findings import Findings
from ftbench.data.readers import FORMATS, TEXTS, Row, file_format, read_rows

_HUB_NAME = re.compile(
    r"(?P<name>[\w.-]+(?:/[\w.-]+)?)(?::(?P<config>[\w.-]*)(?::(?P<split>[\w.-]+))?)?(?:@(?P<revision>[\w./-]+))?"
)
DOCUMENTS = "dataset.documents"
"""The one field that may name plain texts."""
_digests: dict[tuple[str, int, int], str] = {}


@dataclass(frozen=True)
class LocalFiles:
    """Local files in the order in which they are read.

    Attributes:
        named: the files and folders that were named.
        paths, names: what they hold, and each by its name or by its path inside the folder.
        unread: endings of files in the folders that no reader knows.
    """

    named: tuple[Path, ...]
    paths: tuple[Path, ...]
    names: tuple[str, ...]
    unread: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[str], where: str) -> LocalFiles:
        """Raises:
        Refused: when one is of no known format, or a folder without any.
        """
        held = [_listed(value, where) for value in values]
        files = [file for found, _ in held for file in found]
        unread = dict.fromkeys(ending for _, endings in held for ending in endings)
        return cls(
            tuple(Path(os.path.expanduser(value)) for value in values),
            tuple(path for path, _ in files),
            tuple(name for _, name in files),
            tuple(unread),
        )

    def fingerprint(self) -> dict[str, Any]:
        """Returns format and sha256 of each file, in order; of a text its name too, which is a value of its row.

        Raises:
            Refused: when a file cannot be read.
        """
        try:
            return {"files": [_fingerprint(path, name) for path, name in zip(self.paths, self.names, strict=True)]}
        except OSError as error:
            why = f"cannot be read ({error.strerror})"
            raise Refused([Problem(str(error.filename), why, "Check that it exists and its permissions")]) from None

    def resolved(self) -> str | list[str]:
        absolute = [os.path.abspath(path) for path in self.named]
        return absolute[0] if len(absolute) == 1 else absolute

    def rows(self, found: Findings) -> list[list[Row]]:
        """Returns the rows of each file."""
        return [read_rows(path, shown(path), found, name) for path, name in zip(self.paths, self.names, strict=True)]


@dataclass(frozen=True)
class HubData:
    """A split of a data set on the hub: ``owner/name``, ``owner/name:config``, ``owner/name:config:split``, each with
    ``@revision``.
    """

    name: str
    config: str | None
    split: str
    revision: str | None
    where: str
    unread: ClassVar[tuple[str, ...]] = ()

    def fingerprint(self) -> dict[str, Any]:
        """Returns name, config, split and commit.

        Raises:
            Refused: when the commit is not known: the hub is out of reach, nothing is cached, and none was named.
        """
        return {
            "hub": self.name,
            "config": self.config,
            "split": self.split,
            "commit": hub.commit(self.name, self.revision, self.where),
        }

    def resolved(self) -> str:
        return f"{self.name}:{self.config or ''}:{self.split}@{hub.commit(self.name, self.revision, self.where)}"

    def rows(self, found: Findings) -> list[list[Row]]:
        values = hub.rows(
            self.name, self.config, self.split, hub.commit(self.name, self.revision, self.where), self.where
        )
        if not values:
            why = f"the split {self.split!r} of {self.name} has no rows"
            found.add(self.where, why, "Name another split as owner/name:config:split")
        return [[Row(f"{self.name}:{number}", row, textual=False) for number, row in enumerate(values, start=1)]]


def source(value: Any, where: str, split: str) -> LocalFiles | HubData:
    """Finds out what a value names.

    Args:
        value: a path, a list of paths, or a hub name.
        where: the config key, for messages.
        split: the split of a hub data set that is meant when its name does not say.

    Raises:
        Refused: when it names nothing that exists here and cannot be a hub name either.
    """
    if isinstance(value, str) and value:
        if _exists(value):
            return LocalFiles.of([value], where)
        match = None if _looks_like_a_path(value) else _HUB_NAME.fullmatch(value)
        if match is None:
            raise Refused([_nothing_there(value, where)])
        return HubData(match["name"], match["config"] or None, match["split"] or split, match["revision"], where)
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, str) and item for item in value):
        missing = [_nothing_there(item, where) for item in value if not _exists(item)]
        if missing:
            raise Refused(missing)
        return LocalFiles.of(value, where)
    why = f"{value!r} names no data"
    raise Refused([Problem(where, why, "Give a path, a list of paths, or a hub name such as owner/name")])


def bytes_digest(path: Path) -> str:
    """Returns the sha256 of a file's bytes, read once per process for one path, size and time of change."""
    state = path.stat()
    memo = (os.path.abspath(path), state.st_size, state.st_mtime_ns)
    if memo not in _digests:
        _digests[memo] = file_digest(path)
    return _digests[memo]


def _fingerprint(path: Path, name: str) -> dict[str, Any]:
    found = {"format": file_format(path), "sha256": bytes_digest(path)}
    return {**found, "name": name} if found["format"] in TEXTS else found


def shown(path: Path) -> str:
    """Returns the shorter of a file's path from here and its absolute path, for messages."""
    absolute = os.path.abspath(path)
    return min(os.path.relpath(absolute), absolute, key=len)


def _exists(value: str) -> bool:
    return os.path.exists(os.path.expanduser(value))  # unlike Path.exists, no error for a name that no file can have


def _listed(value: str, where: str) -> tuple[list[tuple[Path, str]], list[str]]:
    """Returns the files that a value stands for, with their names, and the endings of those in a folder that no reader
    knows.

    Tables of a folder stand right in it. Texts may stand in folders of it, hidden ones and links to folders apart, and
    only where it holds no table: a README.md beside tables is no document.
    """
    path = Path(os.path.expanduser(value))
    formats = (*FORMATS, *TEXTS) if where == DOCUMENTS else FORMATS
    if not path.is_dir():
        if file_format(path) not in formats:
            why = f"{value!r} has no known ending"
            raise Refused([Problem(where, why, f"Use one of {', '.join(formats)}, or one of these with .gz")])
        return [(path, path.name)], []
    held = sorted(item for item in path.iterdir() if item.is_file() and not item.name.startswith("."))
    known = [item for item in held if file_format(item) in FORMATS]
    if not known and where == DOCUMENTS:
        held = _below(path)
        known = [item for item in held if file_format(item) in TEXTS]
    if not known:
        why = f"the folder {value!r} holds no file of a known format"
        raise Refused([Problem(where, why, f"Put {', '.join(formats)} files into it")])
    unread = sorted({item.suffix.lower() for item in held if file_format(item) is None and item.suffix})
    return [(item, item.relative_to(path).as_posix()) for item in known], unread


def _below(folder: Path) -> list[Path]:
    """Returns all files in a folder and in the folders of it, hidden ones apart; no link to a folder is followed, which
    might lead round in a circle.
    """
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in files if not name.startswith(".") and Path(place, name).is_file()]
    return sorted(found)


def _looks_like_a_path(value: str) -> bool:
    return (
        value.startswith((".", "/", "~"))
        or value.count("/") > 1
        or file_format(Path(value)) is not None
        or " " in value
    )


def _nothing_there(value: str, where: str) -> Problem:
    path = Path(os.path.expanduser(value))
    absolute = Path(os.path.abspath(path))
    folder = next(parent for parent in absolute.parents if parent.is_dir())
    if folder != absolute.parent:
        fix = (
            f"The folder {str(absolute.parent)!r} does not exist either; paths are taken from the working directory"
            f" {os.getcwd()!r}"
        )
    else:
        close = difflib.get_close_matches(path.name, sorted(item.name for item in folder.iterdir()), n=1, cutoff=0.5)
        fix = (
            f"Did you mean {str(path.with_name(close[0]))!r}?"
            if close
            else f"Paths are taken from the working directory {os.getcwd()!r}"
        )
    return Problem(where, f"no file or folder {value!r}", fix)
