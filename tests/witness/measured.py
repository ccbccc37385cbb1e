"""Replaces what was measured in a store's receipts by a fixed function of the stage's kind, its name and the part."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.witness.normal import Names

STARTED = "2026-01-01T00:00:00.000+00:00"
SECONDS = {"train": 40.0, "generate": 8.0, "likelihood": 2.0, "reference": 3.0, "merge": 1.0}
"""About how long a stage of a kind takes; other kinds a fifth of a second."""


def replace_measurements(plan: Path, store: Path) -> None:
    """Rewrites every receipt and every ``timings.json`` below ``store``."""
    names = Names.of(plan)
    for path in store.glob("stages/*/*/receipt.json"):
        receipt = json.loads(path.read_text(encoding="utf-8"))
        kind, name = receipt["kind"], names.keys.get(receipt["key"], receipt["kind"])
        base = SECONDS.get(kind, 0.2)
        parts = {part: base * _share(name, part) for part in receipt["seconds"] if part != "total"}
        receipt["seconds"] = {**parts, "total": sum(parts.values())}
        receipt |= {
            "started": STARTED,
            "cpu_seconds": receipt["seconds"]["total"],
            "peak_memory_bytes": int(2e8 * _share(name, "memory")),
            "environment": {},
        }
        timings = path.with_name("timings.json")
        if timings.is_file():
            data = _timed(json.loads(timings.read_text(encoding="utf-8")), name, "timings", base / 240)
            data["batch_seconds"] = parts.get("work", base)
            _rewrite(timings, json.dumps(data))
            if receipt.get("files"):
                receipt["files"] |= _record(timings, receipt["files"])
        _rewrite(path, json.dumps(receipt))


def _timed(value: Any, name: str, part: str, seconds: float) -> Any:
    """Returns the same structure with every float another one."""
    if isinstance(value, dict):
        return {key: _timed(item, name, f"{part}.{key}", seconds) for key, item in value.items()}
    if isinstance(value, list):
        return [_timed(item, name, f"{part}.{index}", seconds) for index, item in enumerate(value)]
    return seconds * _share(name, part) if isinstance(value, float) else value


def _share(name: str, part: str) -> float:
    """Returns a number from 0.5 to 1.5 that only depends on the two texts."""
    drawn = int.from_bytes(hashlib.sha256(f"{name}/{part}".encode()).digest()[:4], "big")
    return round(0.5 + drawn / 2**32, 4)


def _rewrite(path: Path, text: str) -> None:
    path.parent.chmod(0o755)
    path.chmod(0o644)
    path.write_text(text, encoding="utf-8")


def _record(path: Path, files: dict[str, Any]) -> dict[str, Any]:
    """Returns what a receipt keeps of a file whose bytes were replaced, in the receipt's own form."""
    status = path.stat()
    fresh = {
        "bytes": status.st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "mtime_ns": status.st_mtime_ns,
    }
    known = files.get(path.name) or {}
    return {path.name: {key: fresh[key] for key in known}} if known else {}
