"""What was answered already, on disk before anything else is asked, so that no answer is paid twice.

One JSON object a line, each written through to the disk. A line that a kill tore in two is dropped: its request is
asked again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

FILE = "answers.jsonl"


class Journal:
    """Answers by the key of their request.

    Args:
        folder: outlives the attempt; None keeps answers for this attempt alone.
    """

    def __init__(self, folder: Path | None) -> None:
        self.known: dict[str, dict[str, Any]] = {}
        self._path = None if folder is None else folder / FILE
        self._file: BinaryIO | None = None

    def __enter__(self) -> Journal:
        if self._path is None:
            return self
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self._path, "a+b")
        self._file.seek(0)
        whole = 0
        for line in self._file:
            entry = _entry(line)
            if entry is None:
                break
            self.known[entry["request"]] = entry["reply"]
            whole += len(line)
        self._file.truncate(whole)
        return self

    def keep(self, request: str, reply: dict[str, Any]) -> None:
        """Stores an answer; when this returns, no kill can lose it."""
        self.known[request] = reply
        if self._file is None:
            return
        self._file.write(json.dumps({"request": request, "reply": reply}).encode("ascii") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def _entry(line: bytes) -> dict[str, Any] | None:
    """Returns a whole line's entry, None for a torn one."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and {"request", "reply"} <= entry.keys() else None
