"""A hand of the runner: one worker process, the threads that listen to it, and what it is working on."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from ftbench.core.stage import Stage
from ftbench.execution.devices import VISIBLE
from ftbench.execution.worker import LOG, SERVE
from ftbench.text.secrets import LineScrubber

GRACE_SECONDS = 10.0
"""How long a worker may take to remove its temporary folder before it is killed."""


class Hand:
    """Starts a worker that serves.

    Args:
        plan_path: the plan it reads.
        folder: where ``worker.log`` takes what it prints to stderr, scrubbed.
        workers: how many share this machine; the CPU threads are divided among them where nobody has set a number.
        events: takes ``(self, event)``, and ``(self, None)`` when the process is gone.
        gpu: the one GPU that the worker sees, or None for all that this process sees.

    Attributes:
        key: key of the stage at work, or None.
        model: digest of the base model that the worker holds, or None.
    """

    def __init__(
        self,
        plan_path: Path,
        folder: Path,
        workers: int,
        events: queue.Queue[tuple[Hand, dict[str, Any] | None]],
        gpu: str | None = None,
    ) -> None:
        self.gpu = gpu
        self.key: str | None = None
        self.model: str | None = None
        self._since = time.monotonic()
        self._events = events
        self._last_words = ""
        self._gone = False
        folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ftbench.execution.worker", str(plan_path), SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="backslashreplace",
            env=_environment(workers, gpu),
            # Its own group: Ctrl-C reaches the runner only, which then ends its workers in order, their children too.
            process_group=0,
        )
        self._listener = threading.Thread(target=self._listen, name="worker-events", daemon=True)
        self._scribe = threading.Thread(target=self._scribble, args=(folder / LOG,), name="worker-log", daemon=True)
        self._listener.start()
        self._scribe.start()

    def take(self, stage: Stage, *, wait: bool) -> None:
        """Has the worker run ``stage``."""
        self.key, self._since = stage.key, time.monotonic()
        with contextlib.suppress(BrokenPipeError):  # it died between two stages; the end of its events says so too
            self._process.stdin.write(f"{stage.key}\n" if wait else f"try {stage.key}\n")
            self._process.stdin.flush()

    def seconds(self) -> float:
        """Returns the wall time since the stage at work was handed over."""
        return time.monotonic() - self._since

    def check(self) -> None:
        """Reports the process as gone when it is, even where a child of it still holds its pipes open."""
        if self._process.poll() is not None and not self._gone:
            self._listener.join(timeout=1.0)
            self._report_gone()

    def autopsy(self) -> str:
        """Returns one line on how the process ended."""
        self.end(gently=True)
        self._scribe.join(timeout=1.0)
        status = self._process.returncode
        if status < 0:
            hint = " (out of memory?)" if status == -signal.SIGKILL else ""
            return f"worker was killed by signal {-status}{hint}"
        return f"worker ended with status {status}{': ' + self._last_words if self._last_words else ''}"

    def ask(self, *, gently: bool) -> None:
        """Asks the process to end, by the end of its stdin or by SIGTERM; does not wait."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        if not gently:
            self._process.terminate()

    def end(self, *, gently: bool, seconds: float = GRACE_SECONDS) -> None:
        """Asks the process to end and waits; what does not go in time is killed with whatever it started."""
        self.ask(gently=gently)
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _listen(self) -> None:
        try:
            with self._process.stdout as lines:
                for line in lines:
                    self._events.put((self, json.loads(line)))
        finally:
            self._report_gone()

    def _report_gone(self) -> None:
        self._gone = True
        self._events.put((self, None))

    def _scribble(self, path: Path) -> None:
        masked = LineScrubber()
        with open(path, "a", encoding="utf-8") as log, self._process.stderr as lines:
            for line in lines:
                clean = masked(line)
                self._last_words = clean.strip() or self._last_words
                log.write(clean)
                log.flush()


def _environment(workers: int, gpu: str | None) -> dict[str, str]:
    """Returns a worker's environment: importable is what is importable here, and threads and GPUs are shared out."""
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(entry for entry in sys.path if entry))}
    if workers > 1 and not ({"FTBENCH_THREADS", "OMP_NUM_THREADS"} & found.keys()):
        found["FTBENCH_THREADS"] = str(max(1, (os.cpu_count() or 1) // workers))
    return found if gpu is None else {**found, VISIBLE: gpu}
