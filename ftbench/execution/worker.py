"""A worker: one process that runs named stages of a plan, one after the other, and keeps the base model loaded between
them.

    python -m ftbench.execution.worker PLAN KEY...          # run these, in this order; a prefix of a key will do
    python -m ftbench.execution.worker PLAN KEY --force     # run a finished stage again and compare its bytes
    python -m ftbench.execution.worker PLAN -               # serve a scheduler

Two strings say all, so any stage can be run again by hand and any engine can start it. Serving, it reads one command a
line, ``KEY`` or ``try KEY`` (do not wait for another process), and writes one JSON event a line: ``started``,
``waiting``, ``notice``, ``progress``, then ``done``, ``cached``, ``busy``, ``blocked`` or ``failed``. What libraries
print goes to stderr, never between the events. Exit status: 0; 1 when a stage failed; 2 bad command line; 130 and 143
after SIGINT and SIGTERM.
"""

from __future__ import annotations

import argparse
import ctypes
import io
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ftbench.core import termination
from ftbench.core.errors import FtbenchError, did_you_mean
from ftbench.core.plan import Plan
from ftbench.core.stage import Stage
from ftbench.execution.execute import Result, Surroundings, differences, execute, one_line
from ftbench.execution.sinks.jsonl import append
from ftbench.store.store import Store
from ftbench.text.secrets import scrub

LOG = "worker.log"
SERVE = "-"
PROGRESS_SECONDS = 0.2
QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    # Without it cuBLAS may take another order of additions from run to run; it is read once, when CUDA starts.
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}

Emit = Callable[[dict[str, Any]], None]


class Models:
    """``ftbench.models.resident.Resident``, made when the first body asks for it: preparing and scoring load no
    torch.
    """

    def __init__(self) -> None:
        self._resident: Any = None

    def __getattr__(self, name: str) -> Any:
        if self._resident is None:
            from ftbench.models.resident import Resident

            self._resident = Resident()
        return getattr(self._resident, name)

    def forget(self) -> None:
        """Lets go of all models: a body that failed may have left one with an adapter on."""
        if self._resident is not None:
            self._resident.free()


class Worker:
    """Runs stages of one plan.

    Args:
        plan_path: the ``plan.json``; tracebacks go into ``worker.log`` beside it.
        emit: takes one event.
    """

    def __init__(self, plan_path: Path, emit: Emit) -> None:
        try:
            self.plan = Plan.read(plan_path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FtbenchError(
                f"{plan_path}: is no plan of this version ({type(error).__name__}: {error}). Compile it again"
            ) from error
        outdated = sorted({stage.kind for stage in self.plan.stages.values() if not stage.current})
        if outdated:
            raise FtbenchError(
                f"{plan_path}: is no plan of this version (other code of {', '.join(outdated)}). Compile it again"
            )
        self.store = Store(self.plan.store)
        self.models = Models()
        self._log = plan_path.parent / LOG
        self._emit = emit
        self._told = 0.0

    def stage(self, name: str) -> Stage:
        """Returns the stage with this key, or with the only key that begins so."""
        found = [stage for key, stage in self.plan.stages.items() if key.startswith(name)] if name else []
        if len(found) == 1:
            return found[0]
        if found:
            raise FtbenchError(f"{name}: {len(found)} stages of the plan begin so. Write more of the key")
        raise FtbenchError(
            f"{name}: no such stage in the plan."
            f" {did_you_mean(name, [key[:12] for key in list(self.plan.stages)[:20]])}"
        )

    def run(self, stage: Stage, *, wait: bool) -> Result:
        """Runs one stage and emits its events."""
        termination.check()
        self.tell(stage, "started", pid=os.getpid())
        result = execute(self.store, stage, self._around(stage), wait=wait)
        if result.state == "failed":
            self.models.forget()
        self.tell(stage, result.state, seconds=result.seconds, error=result.error, exhausted=result.exhausted)
        return result

    def compare(self, stage: Stage) -> bool:
        """Runs a finished stage again; emits and returns whether the bytes are equal."""
        changed = differences(self.store, stage, self._around(stage))
        self.tell(stage, "different" if changed else "equal", error=", ".join(changed) or None)
        return not changed

    def tell(self, stage: Stage, event: str, **details: Any) -> None:
        self._emit(scrub_free({"event": event, "key": stage.key, "kind": stage.kind, **details}))

    def log(self, text: str) -> None:
        """Appends to the log in one write, so that the lines of several workers do not mix."""
        append(self._log, scrub(text))

    def _around(self, stage: Stage) -> Surroundings:
        def progress(done: int, total: int) -> None:
            termination.check()
            now = time.monotonic()
            if done >= total or now - self._told >= PROGRESS_SECONDS:
                self._told = now
                self.tell(stage, "progress", done=done, total=total)

        def waiting(message: str) -> None:
            self.tell(stage, "waiting", message=message)

        def notice(message: str) -> None:
            self.tell(stage, "notice", message=message)

        return Surroundings(self.models, progress, waiting, notice, self.log)


def scrub_free(event: dict[str, Any]) -> dict[str, Any]:
    """Returns the event with its free texts scrubbed; its key is a hash and stays."""
    return {name: scrub(value) if name in ("error", "message") else value for name, value in event.items()}


def serve(worker: Worker) -> int:
    """Runs what stdin asks for until its end; returns the exit status.

    Leaves after a stage that ran out of memory: only the end of the process gives all of it back.
    """
    for line in _commands():
        words = line.split()
        if not words:
            continue
        result = worker.run(worker.stage(words[-1]), wait=words[0] != "try")
        if result.exhausted:
            break
    return 0


def _commands() -> Iterator[str]:
    """Yields the lines of stdin. A thread reads them, so that the death of the parent is noticed while a stage runs."""
    parent = os.getppid()
    lines: queue.Queue[str | None] = queue.Queue()
    source = os.dup(0)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)  # a child of a body must not read our commands

    def read() -> None:
        # Unbuffered: a daemon thread inside sys.stdin's buffer makes the interpreter abort when it shuts down.
        for line in io.FileIO(source):
            lines.put(line.decode())
        lines.put(None)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=read, name="commands", daemon=True).start()
    while (line := lines.get()) is not None:
        yield line


def die_with_parent() -> None:
    """Has the kernel send SIGTERM when the parent dies, where it offers that; elsewhere the end of stdin has to do."""
    if sys.platform == "linux":
        parent_death_signal = 1
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGTERM)


def prepare_process() -> None:
    """Quiets libraries and sets the thread count; must come before torch is imported."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    threads = os.environ.get("FTBENCH_THREADS")
    if threads:
        if not threads.isdigit() or threads == "0":
            raise FtbenchError(f"FTBENCH_THREADS={threads}: is no thread count. Set it to a whole number from 1")
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[name] = threads
    termination.install()


def private_channel() -> io.TextIOWrapper:
    """Returns a stream on the original stdout, and points descriptor 1 at stderr: what libraries print cannot get
    between events.
    """
    sys.stdout.flush()
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return channel


def show(event: dict[str, Any]) -> str:
    """Returns an event as a line for a person."""
    line = f"{event['kind']} {event['key'][:12]} {event['event']}"
    if event.get("seconds"):
        line += f" {event['seconds']:.1f} s"
    if event.get("total"):
        line += f" {event['done']}/{event['total']}"
    text = event.get("error") or event.get("message")
    return f"{line}: {text}" if text else line


def _write(line: str, channel: io.TextIOWrapper) -> None:
    try:
        print(line, file=channel)
    except BrokenPipeError:
        termination.terminate(1)  # nobody reads any more: the stage at work is given up and not recorded as failed


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a worker; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m ftbench.execution.worker", description="Run stages of a plan in this process."
    )
    parser.add_argument("plan", type=Path, help="a plan.json")
    parser.add_argument(
        "keys",
        nargs="+",
        metavar="KEY",
        help="keys of stages or their beginnings; - reads them from stdin and writes JSON events",
    )
    parser.add_argument(
        "--force", action="store_true", help="run finished stages again, publish nothing, compare bytes"
    )
    options = parser.parse_args(argv)
    channel = private_channel()
    try:
        prepare_process()
        status = _work(options, channel)
        termination.check()
        return status
    except BaseException as error:
        if (ended := termination.ended()) is not None:  # whatever else was raised on the way
            return ended
        if not isinstance(error, FtbenchError):
            raise
        print(one_line(error), file=sys.stderr)
        return 2
    finally:
        # Nothing is left to clean up, and a library's exit handlers are no place for an exception.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _work(options: argparse.Namespace, channel: io.TextIOWrapper) -> int:
    if options.keys == [SERVE]:
        die_with_parent()
        return serve(Worker(options.plan, lambda event: _write(json.dumps(event), channel)))
    worker = Worker(options.plan, lambda event: _write(show(event), channel))
    stages = [worker.stage(name) for name in options.keys]
    if options.force:
        equal = [worker.compare(stage) for stage in stages]  # every stage, whatever the first one says
        return 0 if all(equal) else 1
    states = [worker.run(stage, wait=True).state for stage in stages]
    return 0 if all(state in ("done", "cached") for state in states) else 1


if __name__ == "__main__":
    sys.exit(main())
