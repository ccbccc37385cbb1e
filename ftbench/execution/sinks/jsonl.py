"""``events.jsonl`` in the sweep folder: what happened to each stage and when, one JSON object a line.

``time`` (UTC), ``key``, ``kind``, ``state``, ``seconds``, ``error``, ``message``; secrets are masked. Later runs of the
same folder append. How far a stage is (``progress``) is left out.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from ftbench.core.plan import Plan
from ftbench.execution.events import Event
from ftbench.execution.sinks.base import Sink
from ftbench.text.secrets import scrub

FILE = "events.jsonl"


class EventLog(Sink):
    """Appends each event in one write, so that lines are whole whoever else writes."""

    def start(self, plan: Plan, folder: Path) -> None:
        self._path = folder / FILE

    def take(self, event: Event) -> None:
        if event.state == "progress":
            return
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "key": event.stage.key,
            "kind": event.stage.kind,
            "state": event.state,
            "seconds": round(event.seconds, 3),
            "error": scrub(event.error),
            "message": scrub(event.message),
        }
        append(self._path, json.dumps(line, ensure_ascii=False) + "\n")


def append(path: Path, text: str) -> None:
    """Appends text to a file in one write, so that the lines of several processes do not mix."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        os.write(handle, text.encode("utf-8", "backslashreplace"))
    finally:
        os.close(handle)
