"""``report --bundle FILE.zip`` packs what the app needs of sweeps; ``report FILE.zip`` opens it on another machine, and
trusts nothing in it.

A bundle holds per sweep ``plan.json``, ``results.json``, conclusions of a review, and of each finished stage the small
files that pages read: no weights, no training rows, of the documents only those that some answer was shown. Nothing in
it is imported or unpickled.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ftbench.core.files import replacing
from ftbench.core.plan import FILE
from ftbench.core.receipt import FILE as RECEIPT
from ftbench.report.send.clean import cleaned
from ftbench.report.view.review import CONCLUSIONS, FOLDER
from ftbench.report.view.sweep import Sweep, read_lines
from ftbench.stats.sufficient_statistics import FILE as STATISTICS
from ftbench.stats.sufficient_statistics import Sufficient
from ftbench.sweep.folder import BUNDLE_FORMAT, MANIFEST, RESULTS, unpack_bundle
from ftbench.text.redaction import redacted
from ftbench.text.secrets import scrub

KEPT = {
    "prepare": ("summary.json", "test.jsonl"),
    "train": ("curve.jsonl", "findings.json", "masked_example.json", "rows.json"),
    "generate": ("outputs.jsonl",),
    "score": (),
}
"""Kind of stage -> files of it that a page reads, beside its receipt; statistics and documents are written anew."""


def write_bundle(sweeps: Sequence[Sweep], path: Path) -> int:
    """Writes the bundle; it appears whole or not at all. Returns its bytes.

    Raises:
        FtbenchError: when it cannot be written.
    """
    manifest = {"format": BUNDLE_FORMAT, "sweeps": [redacted(sweep.name) for sweep in sweeps]}
    with (
        replacing(path, asked=f"--bundle {path}") as scratch,
        zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr(MANIFEST, json.dumps(manifest))
        for number, sweep in enumerate(sweeps):
            for name, content in _files(sweep):
                archive.writestr(f"sweeps/{number}/{name}", content)
    return path.stat().st_size


def _files(sweep: Sweep) -> Iterator[tuple[str, bytes]]:
    clean = cleaned(sweep)
    stages = [_stage(stage) for stage in sweep.plan["stages"]]
    yield (
        FILE,
        _json(
            {
                **clean.plan,
                "store": "",
                "stages": stages,
                "settings": redacted(sweep.plan["settings"]),
                "forecast": redacted(sweep.plan.get("forecast")),
            }
        ),
    )
    if clean.results is not None:
        yield RESULTS, _json(clean.results)
    for conclusions in (sweep.folder / FOLDER / name for name in CONCLUSIONS):
        if conclusions.is_file():
            yield f"{FOLDER}/{conclusions.name}", _json(redacted(json.loads(conclusions.read_text(encoding="utf-8"))))
    shown = _shown_documents(sweep)
    for key, stage in sweep.stages.items():
        folder = sweep.stage_folder(key)
        if folder is None:
            continue
        place, listed = f"store/stages/{key[:2]}/{key}", {}
        for name, content in _stage_files(stage["kind"], folder, shown):
            listed[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "mtime_ns": 0}
            yield f"{place}/{name}", content
        receipt = redacted(json.loads((folder / RECEIPT).read_text(encoding="utf-8")))
        yield (
            f"{place}/{RECEIPT}",
            _json({**receipt, "files": listed, "inputs": None}),
        )  # of the files as they are in the bundle


def _stage_files(kind: str, folder: Path, shown: set[str]) -> Iterator[tuple[str, bytes]]:
    """Yields what a bundle keeps of one stage, cleaned, the receipt apart."""
    for name in KEPT.get(kind, ()):
        if (folder / name).is_file():
            yield name, _cleaned_file(folder / name)
    if kind == "score" and (folder / STATISTICS).is_file():
        yield STATISTICS, _statistics(folder)
    if kind in ("prepare", "documents") and shown and (folder / "documents.jsonl").is_file():
        rows = (redacted(row, paths=False) for row in read_lines(folder / "documents.jsonl") if row["id"] in shown)
        yield "documents.jsonl", b"".join(_json(row) for row in rows)


def _stage(stage: dict[str, Any]) -> dict[str, Any]:
    """Returns what pages read of a stage: its place in the graph and, of a score, how its metrics are built."""
    spec = {"split": stage["spec"]["split"]} if "split" in stage["spec"] else {}
    config = {"metrics": scrub(stage["config"].get("metrics", {}))} if stage["kind"] == "score" else {}
    return {
        "key": stage["key"],
        "kind": stage["kind"],
        "spec": spec,
        "inputs": stage["inputs"],
        "config": config,
        "model": None,
    }


def _shown_documents(sweep: Sweep) -> set[str]:
    found: set[str] = set()
    for cell in sweep.cells:
        folder = sweep.folder_of(cell, "generate.test")
        if folder is not None and (folder / "outputs.jsonl").is_file():
            found.update(
                document for row in read_lines(folder / "outputs.jsonl") for document in row.get("documents") or ()
            )
    return found


def _cleaned_file(path: Path) -> bytes:
    if path.suffix == ".jsonl":
        return b"".join(_json(redacted(row, paths=False)) for row in read_lines(path))
    return _json(redacted(json.loads(path.read_text(encoding="utf-8")), paths=path.name != "masked_example.json"))


def _statistics(folder: Path) -> bytes:
    """Returns the statistics with ids, groups and slices cleaned as the outputs' are."""
    found = Sufficient.read(folder)
    clean = replace(
        found,
        ids=redacted(found.ids, paths=False),
        groups=redacted(found.groups, paths=False),
        slices=redacted(found.slices, paths=False),
    )
    with tempfile.TemporaryDirectory() as scratch:
        clean.write(Path(scratch))
        return (Path(scratch) / STATISTICS).read_bytes()


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=True, allow_nan=False) + "\n").encode("ascii")


def open_bundle(path: Path, into: Path) -> list[Sweep]:
    """Unpacks a bundle into an empty folder and opens its sweeps, untrusted.

    Raises:
        FtbenchError: for what is no bundle, would leave the folder, or is larger than it says.
    """
    return [Sweep.of(folder) for folder in unpack_bundle(path, into)]
