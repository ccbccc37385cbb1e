"""Judge stages in a plan: who judges which answers, and against whose."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ftbench.core.canonical import digest
from ftbench.core.component import node
from ftbench.core.errors import Problem, Problems

JUDGE = "judge."
"""Beginning of the roles of judge stages; the metric's name follows."""

Rivals = Callable[[dict[str, Any], str], "list[str]"]
"""``rivals(axis -> option, split)``: generate stages of the cells that the condition names, over the same data; first
the one with the same seed.
"""


def judge_stage(
    add: Callable[..., str], metric: Any, generate: str, prepare: str, split: str, rivals: Rivals | None
) -> str | None:
    """Adds one judge's stage over one cell's answers.

    Returns:
        Its key; None for the cell that the others are judged against.
    """
    against = metric.judge["against"] if metric.kind == "pairwise" else None
    inputs = {"generate": generate, "prepare": prepare}
    if isinstance(against, dict):
        found = rivals(against, split) if rivals is not None else []
        if not found or generate in found:
            return None
        inputs["against"] = found[0]
    model = metric.model().resolve()
    config = {
        "metric": node(metric),
        "judge": node(model),
        "split": split,
        "max_new_tokens": metric.judge["max_new_tokens"],
    }
    identity = {
        name: value for name, value in metric.identity().items() if name != "against"
    }  # the input says against whom
    return add(
        "judge",
        {"metric": identity, "split": split},
        inputs,
        config,
        digest(model.identity()) if model.has_weights else None,
    )


def judge_problems(metrics: Iterable[Any], rivals: Rivals, verb: str) -> list[Problem]:
    """Refuses a judge that cannot be asked, or a comparison with a cell that is not there or is not one."""
    problems = Problems()
    for metric in metrics:
        if metric.reads != "judgements":
            continue
        against = metric.judge["against"]
        if metric.kind == "pairwise" and isinstance(against, dict):
            found = rivals(against, "test")
            if not found:
                why = f"{against} is no cell of this matrix over the same data"
                problems.add("judge.against", why, "Add that cell, or set judge.against=references")
            elif len(set(found)) > 1:
                why = f"{against} is {len(set(found))} cells of this matrix"
                problems.add("judge.against", why, "Name more of its axes, such as {method: none, context: zero_shot}")
        if verb != "plan" and not metric.model().is_pinned():
            why = "its revision cannot be looked up from here"
            problems.add("judge.model", why, "Set judge.settings.revision to a commit, or go online once")
        problems += (
            [Problem("judge.model", problem.why, problem.fix) for problem in metric.model().missing()]
            if verb != "plan"
            else []
        )
    return problems
