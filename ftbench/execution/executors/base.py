"""What starts workers: the seam between the scheduler, which decides what runs next, and the machines it runs on.

An executor of your own is one Python file and one ``conf/hydra/launcher/NAME.yaml`` (docs/own.md). It starts
``python -m ftbench.execution.worker PLAN KEY...`` somewhere that sees the store, and says when that has ended. Whether
a stage is done is read from its receipt in the store, never from the executor: it may lose contact, be preempted, or
run a stage twice, and the result is the same.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ftbench.core.plan import Plan

Report = Callable[[dict[str, Any] | None], None]
"""Takes what a worker says of itself meanwhile (``ftbench.execution.worker`` lists its events), from any thread; None
asks the scheduler to poll the handle now. An executor need not call it.
"""


@dataclass(frozen=True)
class Needs:
    """What a chain of stages needs, as forecast; None is unknown.

    Attributes:
        gpus: devices of the declared hardware; 0 where no stage of the chain loads a model.
        cpus: CPU cores.
        memory_bytes: of each device.
        hours: of the whole chain, loading included.
    """

    gpus: int | None = None
    cpus: int | None = None
    memory_bytes: float | None = None
    hours: float | None = None


@dataclass(frozen=True)
class Work:
    """What a worker is to run.

    Attributes:
        plan: path of ``plan.json``.
        keys: of stages, in this order; each reads only from finished stages and from those before it.
        needs: see ``Needs``.
        slot: which of the run's workers this is, from 0 to ``Executor.workers`` - 1.
        wait: whether to wait for another run that works on the same stage. A worker that cannot be told waits.
    """

    plan: Path
    keys: tuple[str, ...]
    needs: Needs = Needs()
    slot: int = 0
    wait: bool = True

    def command(self) -> list[str]:
        """Returns the command line that runs it."""
        return [sys.executable, "-m", "ftbench.execution.worker", str(self.plan), *self.keys]


@dataclass(frozen=True)
class Exit:
    """How a worker ended.

    Attributes:
        reason: one line. It is the error of a stage that has no receipt.
        lost: True where nothing is known of the stage at work (preempted, a lost node, a lost connection): it is
            started again. False where the worker itself ended: its stage failed.
    """

    reason: str
    lost: bool = False


class WorkerHandle(ABC):
    """One worker that was started."""

    @abstractmethod
    def poll(self) -> Exit | None:
        """Returns how the worker ended, or None while it lives. Asked about twice a second; must not block."""

    @abstractmethod
    def stop(self, *, gently: bool) -> None:
        """Asks the worker to end and does not wait: ``gently`` after its stage, else at once (SIGTERM)."""

    def kill(self) -> None:
        """Ends at once what ``stop`` did not end in time."""
        self.stop(gently=False)

    def take(self, work: Work) -> bool:
        """Hands further work to an idle worker, which keeps its model; returns False where it takes none."""
        return False


@dataclass
class Executor(ABC):
    """Starts workers.

    Attributes:
        workers: how many at once.
        longest_chain: most stages that a new worker is given together. More than 1 suits what is slow to start.
    """

    workers: int
    longest_chain: ClassVar[int] = 1

    @abstractmethod
    def start(self, work: Work, report: Report) -> WorkerHandle:
        """Starts a worker; returns at once."""


def needs_of(plan: Plan, keys: Sequence[str]) -> Needs:
    """Returns what a chain of a plan's stages needs, by the forecast for the first cell that each belongs to."""
    hardware: dict[str, dict[str, Any]] = {}
    for cell in plan.cells:
        for key in cell.stages.values():
            hardware.setdefault(key, cell.config.get("hardware") or {})
    made = (plan.forecast or {}).get("stages", {})
    found = [made.get(key, {}).get(hardware.get(key, {}).get("name")) or {} for key in keys]
    models = [key for key in keys if plan.stages[key].model is not None]
    gpus = [hardware.get(key, {}).get("gpus") for key in models]
    memory = [one["needs_bytes"] for one in found if one.get("needs_bytes") is not None]
    seconds = [one.get("seconds") for one in found]
    loading = sum((one.get("load_seconds") or 0.0) + (one.get("probe_seconds") or 0.0) for one in found)
    return Needs(
        gpus=None if None in gpus else max(gpus, default=0),
        memory_bytes=max(memory) if len(memory) == len(models) and memory else None,
        hours=None if None in seconds else (sum(seconds) + loading) / 3600,
    )
