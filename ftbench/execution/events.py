"""How the stages of a run end, and what a person may see of it meanwhile: what scheduler, sinks and sweeps
share.
"""

from __future__ import annotations

from dataclasses import dataclass

from ftbench.core.stage import Stage

ENDED = ("done", "cached", "failed", "blocked", "skipped", "interrupted")


@dataclass(frozen=True)
class StageOutcome:
    """How one stage of a run ended.

    Attributes:
        state: ``done``; ``cached``: the store had it, or another run finished it meanwhile; ``failed``; ``blocked``: it
            reads from a failed or blocked stage; ``skipped``: a budget left no room for it, or for what it reads;
            ``interrupted``: the run was stopped before its end.
        error: one line for ``failed`` and ``blocked``, else None.
        seconds: wall time that this run spent on it.
    """

    state: str
    error: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Event:
    """Something that a person may want to see.

    Attributes:
        state: one of ``ENDED``, or ``started``, ``waiting``, ``notice``, ``progress``.
        stage: which stage.
        seconds, error: as in ``StageOutcome``, for the states of ``ENDED``.
        done, total: how far the body is, for ``progress``.
        message: for ``waiting`` and ``notice``.
    """

    state: str
    stage: Stage
    seconds: float = 0.0
    error: str | None = None
    done: int = 0
    total: int = 0
    message: str | None = None


class Interrupted(KeyboardInterrupt):
    """The run was stopped from the keyboard; the caller exits 130.

    Attributes:
        outcomes: key -> outcome of every stage of the plan.
    """

    def __init__(self, outcomes: dict[str, StageOutcome]) -> None:
        super().__init__("interrupted")
        self.outcomes = outcomes
