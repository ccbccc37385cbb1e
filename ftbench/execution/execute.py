"""Runs one stage: look, lock, look again, temporary folder, body, receipt last, rename.

The folder begins with ``stage.json``, what the key is taken over. Any failure of the body is a failed receipt.
"""

from __future__ import annotations

import importlib
import json
import os
import traceback
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ftbench.core import termination
from ftbench.core.canonical import file_digest
from ftbench.core.errors import FtbenchError
from ftbench.core.files import write_json
from ftbench.core.job import Job, Outcome
from ftbench.core.receipt import TIMED, Receipt
from ftbench.core.stage import RECORD, VERSIONS, Stage
from ftbench.execution.meter import Meter, environment
from ftbench.store.lock import Busy
from ftbench.store.store import Attempt, Store
from ftbench.text.secrets import scrub

MODELS, TRAINER = "ftbench.models.loaded", "ftbench.methods.trainer"
"""Modules whose import brings torch and transformers, and trl and peft."""


@dataclass(frozen=True)
class Result:
    """How one stage ended.

    Attributes:
        state: ``done``; ``cached``: somebody had finished it; ``busy``: another process works on it; ``blocked``: an
            input is not finished; ``failed``.
        seconds: wall time of the body, 0 where none ran.
        error: one line, or None.
        exhausted: True when memory ran out; the process had better be replaced.
    """

    state: str
    seconds: float = 0.0
    error: str | None = None
    exhausted: bool = False


@dataclass(frozen=True)
class Surroundings:
    """What a stage needs from the process that runs it.

    Attributes:
        resident: the base models at hand; see ``Job.resident``.
        progress: called with done and total.
        waiting: called with a sentence when the lock is taken.
        notice: called with a sentence that a person should see once: a damaged stage was set aside.
        log: takes text, such as a traceback, that is kept but not shown.
    """

    resident: Any
    progress: Callable[[int, int], None]
    waiting: Callable[[str], None]
    notice: Callable[[str], None]
    log: Callable[[str], None]


def execute(store: Store, stage: Stage, around: Surroundings, *, wait: bool = True) -> Result:
    """Runs ``stage`` unless the store has it, and publishes what it wrote.

    Args:
        store: where inputs are found and the result goes.
        stage: the stage.
        around: see ``Surroundings``.
        wait: whether to wait while another process works on the same stage.

    Returns:
        How it ended. Failures of the body are returned, not raised; only what ends the process passes through.
    """
    if store.kept(stage.key, stage.inputs):
        return Result("cached")
    if missing := [_not_there(store, role, key) for role, key in stage.inputs.items() if store.find(key) is None]:
        return Result("blocked", error=f"{stage.kind} {stage.key[:12]}: {'; '.join(missing)}. Run that first")
    callbacks = {"on_wait": around.waiting, "on_notice": around.notice}
    try:
        with store.begin(stage.key, stage.kind, wait=wait, inputs=stage.inputs, **callbacks) as attempt:
            return Result("cached") if attempt.found else _attempt(store, stage, around, attempt)
    except Busy as busy:
        return Result("busy", error=str(busy))


def _attempt(store: Store, stage: Stage, around: Surroundings, attempt: Attempt) -> Result:
    read = {role: store.content(key) for role, key in stage.inputs.items()}
    if stage.model is not None:
        around.resident.make_room(
            {stage.model, *stage.inputs.values()}
        )  # whole weights are kept under the key of the stage that made them
    meter = Meter(accelerator=stage.model is not None)
    outcome, error, exhausted = Outcome(), None, False
    try:
        with meter:
            outcome = _body(store, stage, around, meter, attempt.folder, attempt.scratch)
        if changed := _changed(store, stage, read):
            raise FtbenchError(f"its input {', '.join(changed)} was changed while it ran. Run again")
        known = {role: content for role, content in read.items() if content is not None}
        attempt.publish(replace(_receipt(stage, meter, outcome, None), inputs=known))
    except (Exception, SystemExit) as problem:  # whatever a body raises is that stage's failure and no other's
        termination.check()  # but a signal is nobody's, even where the body made another exception of it
        error, exhausted = one_line(problem) + _damage(store, stage, problem), out_of_memory(problem)
        around.log(f"{stage.kind} {stage.key}\n{traceback.format_exc()}")
    seconds = meter.reading()["seconds"]["total"]
    if error is None:
        return Result("done", seconds)
    try:
        attempt.fail(_receipt(stage, meter, Outcome(), error))
    except OSError as problem:
        around.log(f"{stage.kind} {stage.key}: its failed receipt could not be written: {problem}\n")
    return Result("failed", seconds, error, exhausted)


def _changed(store: Store, stage: Stage, read: dict[str, str | None]) -> list[str]:
    """Returns the roles of the inputs that are not what they were (``read``: role -> content) when the body began."""
    now = {role: store.content(key) if store.find(key) else "" for role, key in stage.inputs.items()}
    return [role for role, content in now.items() if content != read[role]]


def _not_there(store: Store, role: str, key: str) -> str:
    problem = store.damage(key)
    return f"its input {role} is damaged: {problem}" if problem else f"its input {role} is not finished"


def _damage(store: Store, stage: Stage, problem: BaseException) -> str:
    """Returns what to do where a finished input cannot be read: its folder says done, so it would be read again and
    again.
    """
    if not isinstance(problem, (json.JSONDecodeError, UnicodeDecodeError, EOFError, zipfile.BadZipFile)):
        return ""
    folders = ", ".join(str(store.folder(key)) for key in stage.inputs.values())
    return f". A file of an input may be damaged: remove its folder and run again; inputs: {folders}" if folders else ""


def _body(
    store: Store, stage: Stage, around: Surroundings, meter: Meter, folder: Path, scratch: Path | None
) -> Outcome:
    inputs = {role: store.folder(key) for role, key in stage.inputs.items()}
    for key in stage.inputs.values():
        store.touch(key)
    # First of all files: it also says what a leftover was going to be.
    write_json(folder / RECORD, stage.record())
    with meter.phase(
        "import"
    ):  # paid once per worker, by whichever stage comes first; so it is told apart and billed to none
        for module in _heavy(stage):
            importlib.import_module(module)
    job = Job(stage, inputs, folder, around.resident, meter.phase, around.progress, scratch)
    outcome = importlib.import_module(f"ftbench.stages.{stage.kind}").run(job)
    termination.check()  # the body's code may have swallowed what a signal raised
    if not isinstance(outcome, Outcome):
        raise TypeError(f"ftbench.stages.{stage.kind}.run returned {type(outcome).__name__} and not Outcome")
    return outcome


def _heavy(stage: Stage) -> tuple[str, ...]:
    """Returns the modules of a stage that take seconds to import."""
    if stage.model is None:
        return ("evaluate",) if stage.kind == "score" else ()
    return (MODELS, TRAINER) if stage.kind == "train" else (MODELS,)


def _receipt(stage: Stage, meter: Meter, outcome: Outcome, error: str | None) -> Receipt:
    return Receipt(
        key=stage.key,
        kind=stage.kind,
        version=VERSIONS[stage.kind],
        state="failed" if error else "done",
        tokens=outcome.tokens,
        provenance=outcome.provenance,
        details=outcome.details,
        error=error,
        **meter.reading(),
    )


def failed_receipt(stage: Stage, error: str, seconds: float) -> Receipt:
    """Returns the receipt that a lost worker could not write; what only it knew is unknown."""
    now = datetime.now(UTC)
    return Receipt(
        key=stage.key,
        kind=stage.kind,
        version=VERSIONS[stage.kind],
        state="failed",
        started=datetime.fromtimestamp(now.timestamp() - seconds, UTC).isoformat(timespec="milliseconds"),
        seconds={"total": round(seconds, 6)},
        cpu_seconds=None,
        device=None,
        devices=None,
        peak_memory_bytes=None,
        tokens={},
        environment={**environment(), "threads": None, "host_cpus": os.cpu_count()},
        provenance={},
        details={},
        error=error,
    )


def differences(store: Store, stage: Stage, around: Surroundings) -> list[str]:
    """Runs a finished stage again in a temporary folder, publishes nothing, and compares bytes.

    Returns:
        Names of the files that differ, or that only one run wrote; empty when the stage is reproducible. Receipt and
        timings are left out.

    Raises:
        FtbenchError: when the stage, or one of its inputs, is not finished.
    """
    published = store.published(stage.key)
    missing = [key[:12] for key in stage.inputs.values() if store.find(key) is None]
    missing += [stage.key[:12]] * (published is None)
    if published is None or missing:
        raise FtbenchError(
            f"--force {stage.key[:12]}: not finished: {', '.join(missing)}. Run it without --force first"
        )
    with store.begin(stage.key, stage.kind, again=True, on_wait=around.waiting) as attempt:
        meter = Meter(accelerator=stage.model is not None)
        with meter:
            _body(store, stage, around, meter, attempt.folder, None)
        old, new = _digests(published), _digests(attempt.folder)
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in TIMED)
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}


def out_of_memory(error: BaseException) -> bool:
    """Says whether memory ran out, on a device or on the host; by name, so that torch is not imported to ask."""
    names = {cls.__name__ for cls in type(error).__mro__}
    return bool(names & {"OutOfMemoryError", "MemoryError"}) or "DefaultCPUAllocator: can't allocate" in str(error)


def one_line(error: BaseException) -> str:
    """Returns one scrubbed line for a person: the message of our own errors, type and first line of any other."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, FtbenchError):
        text = "; ".join(lines)
    elif out_of_memory(error):
        first = f" ({lines[0]})" if lines else ""
        text = f"out of memory{first}. Use a smaller batch, a smaller or quantised model, or hardware with more memory"
    else:
        text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return scrub(text)[:2000]
