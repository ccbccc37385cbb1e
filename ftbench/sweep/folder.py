"""A sweep's folder: the one way to open it, also from its ``plan.json`` or out of a bundle, and the lock that a run
holds on it.

Plain JSON is read first, so that a sweep of an earlier version, or one that is still running, can be looked at; only
``SweepFolder.plan`` asks for a plan of this version. This module imports core, text and store alone, so that whatever
reads sweeps may import it.
"""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.files import write_json
from ftbench.core.plan import FILE, Plan
from ftbench.store.lock import Busy, locked
from ftbench.store.store import Store

RESULTS = "results.json"
SWEEPS = Path("multirun")
"""Where a run leaves its sweeps unless ``hydra.sweep.dir`` says otherwise."""
MANIFEST, BUNDLE_FORMAT = "bundle.json", 1
MOST_BYTES = 2_000_000_000
MOST_FILES = 200_000
MOST_RATIO = 400
"""Unpacked size, number of files, and how much smaller than its content a file may be: deflate does text at 3 to 20, a
bomb at 1,000.
"""
RATIO_FROM = 1_000_000
_PLACE = re.compile(
    r"bundle\.json|sweeps/\d{1,4}/(?:plan\.json|results\.json|review/conclusions\.json"
    r"|store/stages/[0-9a-f]{2}/[0-9a-f]{64}/[a-z_]+\.(?:json|jsonl|npz))"
)
LOCK, HOLDER = ".lock", ".lock.json"
AGAIN = "Repeat the command that made it"


@dataclass(frozen=True)
class SweepFolder:
    """One sweep as its files say.

    Attributes:
        path: the folder.
        name: what people call it: the last two parts of the folder.
        data: ``plan.json`` as plain JSON.
        moved: where its store now is, None for where the plan says.
        trusted: whether components that its files name may be imported.
    """

    path: Path
    name: str
    data: dict[str, Any]
    moved: Path | None = None
    trusted: bool = True

    @cached_property
    def plan(self) -> Plan:
        """The plan as objects.

        Raises:
            FtbenchError: where it is of another version.
        """
        try:
            return Plan.from_dict(self.data)
        except (ValueError, KeyError, TypeError) as error:
            raise FtbenchError(f"{self.path / FILE}: is no plan of this version ({error}). {AGAIN}") from error

    @cached_property
    def results(self) -> dict[str, Any] | None:
        """``results.json``, or None while the sweep runs or after ``plan``.

        Raises:
            FtbenchError: where it cannot be read.
        """
        path = self.path / RESULTS
        found = _json(path) if path.is_file() else None
        if found is not None and not ({"cells", "families", "statistics"} <= found.keys()):
            raise FtbenchError(f"{path}: is no table of results. {AGAIN}; finished stages are not run again")
        return found

    @property
    def store(self) -> Store:
        return Store(self.moved or self.data["store"] or self.path / "store")


def open_folder(path: Path, *, trusted: bool = True, moved: Path | None = None, name: str | None = None) -> SweepFolder:
    """Opens the sweep of a folder, or of the ``plan.json`` in it.

    Raises:
        FtbenchError: one line where there is no plan, or it cannot be read.
    """
    file = path / FILE if path.is_dir() else path
    if file.name != FILE or not file.is_file():
        raise FtbenchError(f"{path}: holds no {FILE}. Name the folder that a run printed after 'results:'")
    folder, data = file.parent, _json(file)
    if lacking := {"cells", "stages", "refusals", "settings", "store"} - data.keys():
        raise FtbenchError(f"{file}: has no {', '.join(sorted(lacking))}. {AGAIN}")
    parts = [part for part in folder.resolve().parts[-2:] if part != SWEEPS.name]
    return SweepFolder(folder, name or "/".join(parts), data, moved, trusted)


def newest(*having: str, root: Path = SWEEPS) -> Path:
    """Returns the folder below ``root`` whose plan was written last, of those that have one of these files where there
    is such a one.

    Raises:
        FtbenchError: where there is no sweep at all.
    """
    plans = sorted(root.glob(f"**/{FILE}"), key=lambda path: path.stat().st_mtime)
    if not plans:
        raise FtbenchError(
            f"no sweep below ./{root}. Name a sweep's folder, or make one: python -m ftbench -m +recipes=demo"
        )
    found = [plan for plan in plans if any(plan.with_name(name).is_file() for name in having)]
    return (found or plans)[-1].parent


def no_results(path: Path) -> FtbenchError:
    """Returns the error for a sweep that has not ended."""
    why = f"holds no {RESULTS}, so it has no results yet"
    return FtbenchError(f"{path}: {why}. Run the sweep to its end; report shows how far it is")


def plans_below(folder: Path) -> list[Path]:
    """Returns every ``plan.json`` in and below a folder, behind links too: what a person reaches is still referred
    to.
    """
    found: list[Path] = []
    seen: set[str] = set()
    for base, below, files in os.walk(folder, followlinks=True):
        place = os.path.realpath(base)
        if place in seen:  # a link to a folder above, or two links to one
            below.clear()
            continue
        seen.add(place)
        found += [Path(base) / FILE] * (FILE in files)
    return sorted(found)


def stage_keys(plan: Path) -> set[str]:
    """Returns the keys of all stages that a ``plan.json`` of any version names.

    Raises:
        FtbenchError: when it cannot be read.
    """
    try:
        return {stage["key"] for stage in json.loads(plan.read_text(encoding="utf-8"))["stages"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FtbenchError(f"{plan}: is no plan ({type(error).__name__}: {error})") from error


def referenced(sweep: Path) -> set[str]:
    """Returns the keys of all stages that the plans in and below a sweep folder name.

    Raises:
        FtbenchError: when there is no readable plan; deleting what it would have kept is no way to find out.
    """
    plans = [sweep] if sweep.is_file() else plans_below(sweep)
    if not plans:
        raise FtbenchError(f"--keep {sweep}: no {FILE} in or below it. Name the folder of a sweep")
    try:
        return set().union(*map(stage_keys, plans))
    except FtbenchError as error:
        raise FtbenchError(f"--keep {error}. Remove the file or name another folder") from error


def unpack_bundle(path: Path, into: Path) -> list[SweepFolder]:
    """Unpacks a bundle into an empty folder and opens its sweeps, untrusted.

    Raises:
        FtbenchError: for what is no bundle, would leave the folder, or is larger than it says.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _unpack(path, archive, into)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, OSError, RuntimeError) as error:
        raise FtbenchError(
            f"{path}: is no bundle, or a damaged one ({error}). Make it with: python -m ftbench report SWEEP --bundle"
            " FILE.zip"
        ) from error
    try:
        manifest = json.loads((into / MANIFEST).read_text(encoding="utf-8"))
        names = [str(name) for name in manifest["sweeps"]]
        known = manifest["format"] == BUNDLE_FORMAT
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FtbenchError(
            f"{path}: has no {MANIFEST} that can be read. Make it with: python -m ftbench report SWEEP --bundle"
            " FILE.zip"
        ) from error
    if not known:
        raise FtbenchError(
            f"{path}: is of another format than {BUNDLE_FORMAT}. Open it with the version of ftbench that wrote it"
        )
    places = [into / "sweeps" / str(number) for number in range(len(names))]
    return [
        open_folder(place, trusted=False, moved=place / "store", name=name)
        for place, name in zip(places, names, strict=True)
    ]


def _unpack(path: Path, archive: zipfile.ZipFile, into: Path) -> None:
    entries = archive.infolist()
    if len(entries) > MOST_FILES:
        raise FtbenchError(
            f"{path}: holds {len(entries):,} files, more than {MOST_FILES:,}. This is no bundle of ftbench's"
        )
    left = MOST_BYTES
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if not _PLACE.fullmatch(entry.filename) or kind not in (0, stat.S_IFREG):
            raise FtbenchError(f"{path}: holds {entry.filename[:80]!r}, which no bundle does. Nothing of it was opened")
        target = into / entry.filename
        target.parent.mkdir(parents=True, exist_ok=True)
        left = _copy(path, archive, entry, target, left)


def _copy(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Writes one file, counting what really comes out of it; returns how many bytes are still allowed."""
    most = max(RATIO_FROM, entry.compress_size * MOST_RATIO)
    written = 0
    with archive.open(entry) as source, open(target, "xb") as file:
        while chunk := source.read(1 << 20):
            written += len(chunk)
            if written > left or written > most:
                raise FtbenchError(
                    f"{path}: {entry.filename} unpacks to more than a bundle may. Nothing of it was opened"
                )
            file.write(chunk)
    return left - written


_held: set[Path] = set()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds a sweep's folder while inside, so that no other process writes into it. The kernel lets go of it when the
    process dies. Nothing happens where this process holds it already.

    Raises:
        FtbenchError: at once, when another process holds it.
    """
    place = folder.resolve()
    if place in _held:
        yield
        return
    try:
        with locked(place / LOCK, wait=False):
            holder = {"pid": os.getpid(), "host": socket.gethostname()}
            write_json(place / HOLDER, holder)
            _held.add(place)
            try:
                yield
            finally:
                _held.discard(place)
                (place / HOLDER).unlink(missing_ok=True)
    except Busy:
        raise FtbenchError(
            f"{folder}: {_holder(place)} is running a sweep in this folder. Wait for it, or set hydra.sweep.dir=FOLDER"
        ) from None


def _holder(folder: Path) -> str:
    try:
        said = json.loads((folder / HOLDER).read_text(encoding="utf-8"))
        return f"process {int(said['pid'])} on {said['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise FtbenchError(f"{path}: cannot be read ({error}). {AGAIN}") from error
    if not isinstance(found, dict):
        raise FtbenchError(f"{path}: is no JSON object. {AGAIN}")
    return found
