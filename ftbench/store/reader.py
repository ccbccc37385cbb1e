"""What a store holds: finished stages, whether their files are what was written, and what runs left behind. Changes
nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from ftbench.core.errors import FtbenchError
from ftbench.core.receipt import FILE, Receipt
from ftbench.store.digests import content, damage
from ftbench.store.folders import names, size_bytes

_KEY, _PREFIX = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{2}")
_TIME, _FAILURE = re.compile(r"\d{8}T\d{6}\.\d{6}Z"), re.compile(r"\d{8}T\d{6}\.\d{6}Z\.json")


class StoreReader:
    """A folder of finished stages, as readers see it.

    Args:
        path: the store's folder.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).absolute()
        if self.path.exists() and not self.path.is_dir():
            raise FtbenchError(f"store.dir={path}: is a file. Name a folder")
        self.stages = self.path / "stages"
        self.work = self.path / "work"
        self.progress = self.path / "progress"
        self.locks = self.path / "locks"
        self.failed = self.path / "failed"
        self.damaged = self.path / "damaged"

    def folder(self, key: str) -> Path:
        """Returns where the stage ``key`` is, or will be, published; says nothing about whether it is there."""
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no stage key of 64 hexadecimal digits")
        return self.stages / key[:2] / key

    def _published(self, key: str) -> tuple[Path, Receipt] | None:
        folder = self.folder(key)
        try:
            receipt = Receipt.read(folder)
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
            return None
        return (folder, receipt) if receipt.state == "done" and receipt.key == key else None

    def published(self, key: str) -> Path | None:
        """Returns the folder of a stage whose receipt says that it was finished, whatever became of its files since."""
        found = self._published(key)
        return found[0] if found else None

    def find(self, key: str) -> Path | None:
        """Returns the folder of a finished stage whose files are what was written (``ftbench.store.digests``), else
        None.

        Raises:
            FtbenchError: when a file of it is there and cannot be read.
        """
        found = self._published(key)
        return found[0] if found and damage(*found) is None else None

    def damage(self, key: str, *, thorough: bool = False) -> str | None:
        """Returns what is wrong with a stage that was published, such as ``scores.json is missing``; None for a whole
        one, or none.

        Args:
            key: the stage.
            thorough: see ``ftbench.store.digests.damage``.
        """
        found = self._published(key)
        if found:
            return damage(*found, thorough=thorough)
        return f"{FILE} is missing, cut off or not its own" if names(self.folder(key)) else None

    def content(self, key: str) -> str | None:
        """Returns one digest over the files that a finished stage was published with; None where there is none."""
        found = self._published(key)
        return content(found[1]) if found else None

    def changed(self, key: str, inputs: Mapping[str, str]) -> list[str]:
        """Returns the roles of ``inputs`` that by now hold other bytes than those that the finished stage ``key`` was
        made from.

        An input whose digest is unknown, there or here, counts as unchanged.
        """
        found = self._published(key)
        recorded = (found[1].inputs if found else None) or {}
        return [
            role for role, one in inputs.items() if role in recorded and self.content(one) not in (None, recorded[role])
        ]

    def kept(self, key: str, inputs: Mapping[str, str]) -> Path | None:
        """Returns the folder of a stage that need not be run: finished, whole, and made from what its inputs now
        hold.
        """
        found = self.find(key)
        return found if found and not self.changed(key, inputs) else None

    def receipt(self, key: str) -> Receipt:
        """Returns the receipt of a finished stage.

        Raises:
            FileNotFoundError: when the stage is not finished.
        """
        found = self._published(key)
        if found is None:
            raise FileNotFoundError(f"stage {key[:12]} is not finished in {self.path}")
        return found[1]

    def attempts(self, key: str) -> list[Receipt]:
        """Returns the receipts of the failed attempts at ``key``, oldest first."""
        found = []
        for file in self.failures(key):
            with suppress(ValueError, TypeError):  # a receipt that is cut off tells nothing
                found.append(Receipt(**json.loads(file.read_text(encoding="utf-8"))))
        return found

    def failures(self, key: str | None = None) -> list[Path]:
        """Returns the files of the failed attempts at ``key``, or at all keys, oldest first."""
        keys = sorted(name for name in names(self.failed) if _KEY.fullmatch(name) and key in (None, name))
        found = [(key, name) for key in keys for name in sorted(names(self.failed / key)) if _FAILURE.fullmatch(name)]
        return [self.failed / key / name for key, name in found]

    def keys(self, *, every: bool = False) -> Iterator[str]:
        """Yields the keys of all published stages, sorted, with ``every`` of whatever has a place of its own; reads
        no file but receipts.
        """
        for prefix in sorted(name for name in names(self.stages) if _PREFIX.fullmatch(name)):
            for key in sorted(names(self.stages / prefix)):
                if _KEY.fullmatch(key) and key.startswith(prefix) and (every or self.published(key)):
                    yield key

    def size(self, key: str | None = None) -> int:
        """Returns the bytes of one stage's files, or of everything in the store."""
        return size_bytes(self.path if key is None else self.folder(key))

    def aside(self) -> list[Path]:
        """Returns the folders that ``set_aside`` made."""
        keys = sorted(name for name in names(self.damaged) if _KEY.fullmatch(name))
        found = [(key, name) for key in keys for name in sorted(names(self.damaged / key)) if _TIME.fullmatch(name)]
        return [self.damaged / key / name for key, name in found]

    def leftovers(self, key: str | None = None) -> list[Path]:
        """Returns the temporary folders of ``key``, or of all keys; each is dead exactly when the lock of its key is
        free.
        """
        return sorted(
            self.work / name
            for name in names(self.work)
            if _KEY.fullmatch(name.partition(".")[0]) and (key is None or name.startswith(key))
        )

    def progress_folder(self, key: str) -> Path:
        """Returns where the attempts at ``key`` keep what the next one may go on from; to be used under the lock of
        ``key``.
        """
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no stage key of 64 hexadecimal digits")
        return self.progress / key

    def unfinished(self) -> list[str]:
        """Returns the keys of which attempts left progress behind."""
        return sorted(name for name in names(self.progress) if _KEY.fullmatch(name))

    def lock_path(self, key: str) -> Path:
        return self.locks / key[:2] / f"{key}.lock"
