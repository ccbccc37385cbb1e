"""Looks at a dataset while planning: at small data itself, at large data through what a finished check stage has
written.

What cannot be known yet (a hub dataset, many rows, questions of lm-eval tasks on the hub) is checked by a stage before
any other runs, see ``ftbench.sweep.data_gate``; until then its report says ``pending``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftbench.compile.lower import Graph, Parts, data_stages
from ftbench.compile.settings import Settings
from ftbench.core.errors import Problem
from ftbench.core.example import Splits
from ftbench.store.store import Store

CHECKS = "checks.json"
"""What a check stage writes."""


@dataclass(frozen=True)
class Looked:
    """What is known of a dataset while planning.

    Attributes:
        splits: as they will be used; None where they cannot be read yet.
        report: plain JSON as a check stage writes it, with ``on_leak``; ``pending`` instead of findings where that
            stage must run first.
        problems: why no cell of this dataset may run.
    """

    splits: Splits | None
    report: dict[str, Any] | None
    problems: tuple[Problem, ...]


def look(parts: Parts, splits: Splits | None, settings: Settings, checks: Any, harness: Any) -> Looked:
    """Looks at one dataset.

    Args:
        splits: its rows, None where reading them is too heavy for planning.
        checks: the ``data`` component.
        harness: lm-eval tasks of the matrix, or None.
    """
    key = data_stages(Graph(), parts, harness, checks)["check"]
    questions = [] if harness is None else harness.questions()
    if splits is not None and questions is not None and checks.light(splits):
        splits, dropped = checks.clean(splits, questions)
        report = checks.inspect(splits, dropped, questions).as_dict()
    else:
        finished = Store(str(Path(settings.store.dir).expanduser().resolve())).find(key)
        if finished is None:
            return Looked(splits, {"on_leak": checks.on_leak, "check": key, "pending": True}, ())
        report = json.loads((finished / CHECKS).read_text(encoding="utf-8"))
    report = {"on_leak": checks.on_leak, "check": key, **report}
    return Looked(splits, report, tuple(refused_leaks(report)))


def refused_leaks(report: Mapping[str, Any]) -> list[Problem]:
    """Returns a problem for every certain leak, unless leaks are only to be said; what could be dropped is gone
    already.
    """
    if report["on_leak"] == "warn":
        return []
    return [
        Problem(found["where"], found["why"], found["fix"]) for found in report["findings"] if found["level"] == "leak"
    ]
