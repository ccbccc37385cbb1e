"""Rows that a metric cannot score: they count as failed answers, are counted, and the reason is told once.

A metric that raises on one odd answer must neither stop a run of hours nor shrink n: the row is scored as a failed one
is, which every metric has a rule for (docs/mistakes.md, number 15).
"""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ftbench.core import termination
from ftbench.core.errors import FtbenchError

RAISED = (Exception, SystemExit)
"""Whatever the code of a metric may raise, an argument parser's exit included."""
SHOWN_CHARACTERS = 300
"""So much of a message is shown. Whoever writes it masks secrets first and cuts then: half a secret is not found."""
OURS = Path(__file__).resolve().parents[1]
LIBRARIES = tuple({sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")})


@dataclass(frozen=True)
class Raised:
    """What a metric raised.

    Attributes:
        error: type of the first exception; ``message`` is its first line, secrets included.
        place: ``file:line`` in the code of whoever wrote the metric.
        rows: how many rows it raised on; ``first`` is the id of the first.
        broken: it raised on every answer, and on the references as answers too: its zeros measure nothing.
    """

    error: str
    message: str
    place: str
    rows: int
    first: str
    broken: bool = False

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def statistics_of(
    metric: Any, rows: Sequence[dict[str, Any]]
) -> tuple[np.ndarray, list[dict[str, Any]], Raised | None]:
    """Returns a metric's statistics [n, k], the rows as they were scored, and what it raised on the way.

    Args:
        metric: see ``ftbench.core.protocols.Metric``.
        rows: of ``outputs.jsonl`` or ``likelihood.jsonl``.

    Raises:
        FtbenchError: one line, where the metric raises on failed rows too, or on rows taken together that it scores one
            by one.
    """
    rows = list(rows)
    try:
        return _table(metric, rows), rows, None
    except FtbenchError:
        raise
    except RAISED as error:
        first = error
    scored, lost, told = [], [], None
    for row in rows:
        try:
            _table(metric, [row])
            scored.append(row)
        except FtbenchError:
            raise
        except RAISED as error:
            told = told or error
            lost.append(str(row.get("id", len(scored))))
            failed = {"output": "", "finish": "error"} if metric.reads == "outputs" else {"nll": None}
            scored.append({**row, **failed, "error": row.get("error") or f"the metric raised {type(error).__name__}"})
    told = told or first
    try:
        table = _table(metric, scored)
    except RAISED as error:
        name = getattr(metric, "name", type(metric).__name__)
        why = f"{type(error).__name__}: {_first_line(error)}"
        raise FtbenchError(
            f"metric {name} raised {why} ({_place(error, metric)}) even on an empty answer; let it return a number"
            " for one"
        ) from error
    broken = (
        bool(lost)
        and len(lost) == len(rows)
        and metric.reads == "outputs"
        and not any(_scores_references(metric, row) for row in rows)
    )
    return (
        table,
        scored,
        Raised(
            type(told).__name__, _first_line(told), _place(told, metric), len(lost), lost[0] if lost else "", broken
        ),
    )


def raised_line(name: str, raised: Mapping[str, Any], rows: int) -> str:
    """Returns what a person is told of a metric that raised on ``rows`` answers, however many cells they are of."""
    why = raised["error"] + (f": {raised['message'][:SHOWN_CHARACTERS]}" if raised["message"] else "")
    if raised.get("broken"):
        return (
            f"metric {name} raised {why} ({raised['place']}) on every answer and on the references too, so it has no"
            " value; mend it, which asks for no model again"
        )
    return (
        f"metric {name} raised {why} ({raised['place']}) on {rows} answer{'s' * (rows != 1)}; such answers score zero"
        " and are counted as failed"
    )


def _scores_references(metric: Any, row: dict[str, Any]) -> bool:
    try:
        _table(metric, [{**row, "output": row["references"][0], "finish": "stop"}])
    except (*RAISED, IndexError):
        return False
    return True


def _table(metric: Any, rows: list[dict[str, Any]]) -> np.ndarray:
    try:
        return np.asarray(metric.statistics(rows), dtype=np.float64)
    finally:
        termination.check()  # what a signal raised is no failed row, however the metric's code took it


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else ""


def _place(error: BaseException, metric: Any) -> str:
    """Returns the innermost line of code that is neither ours nor a library's, else where the metric is defined."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame
        for frame in frames
        if not Path(frame.filename).is_relative_to(OURS) and not frame.filename.startswith(LIBRARIES)
    ]
    if own:
        return f"{own[-1].filename}:{own[-1].lineno}"
    if hasattr(metric, "place"):
        return str(metric.place())
    return f"{frames[-1].filename}:{frames[-1].lineno}"
