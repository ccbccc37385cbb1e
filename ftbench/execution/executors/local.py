"""Workers on this machine: each is a process that serves one stage after the other and keeps its model."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass

from ftbench.execution.devices import VISIBLE, gpu_of
from ftbench.execution.executors.base import Executor, Exit, Report, Work, WorkerHandle
from ftbench.execution.worker import LOG, SERVE
from ftbench.text.secrets import LineScrubber

GRACE_SECONDS = 10.0
"""How long a worker that has closed its output may take to end."""


@dataclass
class LocalExecutor(Executor):
    """Starts worker processes on this machine; several share its GPUs and its CPU threads."""

    def start(self, work: Work, report: Report) -> LocalWorker:
        return LocalWorker(work, report, self.workers)


class LocalWorker(WorkerHandle):
    """One worker process, and the threads that listen to it.

    Args:
        work: the first stages; ``worker.log`` beside the plan takes what is printed to stderr, scrubbed.
        report: takes the worker's events.
        workers: how many share this machine; the CPU threads are divided among them where nobody has set a number.
    """

    def __init__(self, work: Work, report: Report, workers: int) -> None:
        self._report = report
        self._last_line = ""
        gpu = gpu_of(work.slot) if workers > 1 else None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ftbench.execution.worker", str(work.plan), SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="backslashreplace",
            env=_environment(workers, gpu),
            # Its own group: Ctrl-C reaches the scheduler alone, which ends its workers in order, their children too.
            process_group=0,
        )
        self._listener = threading.Thread(target=self._listen, name="worker-events", daemon=True)
        log = work.plan.parent / LOG
        self._logger = threading.Thread(target=self._write_log, args=(log,), name="worker-log", daemon=True)
        self._listener.start()
        self._logger.start()
        self.take(work)

    def take(self, work: Work) -> bool:
        with contextlib.suppress(BrokenPipeError, ValueError):  # it died between two stages; ``poll`` says so too
            for key in work.keys:
                self._process.stdin.write(f"{key}\n" if work.wait else f"try {key}\n")
            self._process.stdin.flush()
        return True

    def poll(self) -> Exit | None:
        if self._process.poll() is None:
            return None
        self._listener.join(timeout=1.0)  # a child of it may still hold its pipes open
        return Exit(self.exit_reason())

    def exit_reason(self) -> str:
        """Returns one line on how the process ended."""
        self._logger.join(timeout=1.0)
        status = self._process.returncode
        if status < 0:
            hint = " (out of memory?)" if status == -signal.SIGKILL else ""
            return f"worker was killed by signal {-status}{hint}"
        return f"worker ended with status {status}{': ' + self._last_line if self._last_line else ''}"

    def stop(self, *, gently: bool) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        if not gently:
            self._process.terminate()

    def kill(self) -> None:
        """Kills the process with whatever it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _listen(self) -> None:
        try:
            with self._process.stdout as lines:
                for line in lines:
                    self._report(json.loads(line))
            self.stop(gently=True)
            self._process.wait(timeout=GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        finally:
            self._report(None)

    def _write_log(self, path: os.PathLike[str]) -> None:
        masked = LineScrubber()
        with open(path, "a", encoding="utf-8") as log, self._process.stderr as lines:
            for line in lines:
                clean = masked(line)
                self._last_line = clean.strip() or self._last_line
                log.write(clean)
                log.flush()


def _environment(workers: int, gpu: str | None) -> dict[str, str]:
    """Returns a worker's environment: importable is what is importable here, and threads and GPUs are shared out."""
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(entry for entry in sys.path if entry))}
    if workers > 1 and not ({"FTBENCH_THREADS", "OMP_NUM_THREADS"} & found.keys()):
        found["FTBENCH_THREADS"] = str(max(1, (os.cpu_count() or 1) // workers))
    return found if gpu is None else {**found, VISIBLE: gpu}
