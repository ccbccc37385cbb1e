"""The rounds of ``effort``: run the trials of every approach on validation, choose, and compile what is then scored on
test.

Every round is compiled from the same words and run through the same store, so a search that was killed goes on where it
was, and a larger budget adds to what was tried. No trial is scored on the test split (docs/mistakes.md, number 29).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ftbench.compile.effort import Round
from ftbench.compile.matrix import Compiled
from ftbench.core.errors import FtbenchError
from ftbench.core.plan import Plan, Search
from ftbench.execution.executors.base import Executor
from ftbench.store.store import Store
from ftbench.sweep.run_matrix import run_stages

Compile = Callable[[Round], Compiled]


def searched(compiled: Compiled, again: Compile, folder: Path, *, executor: Executor, threads: int | None) -> Compiled:
    """Runs the first round of a search and returns the second, ready to run; returns what has no search, or is refused,
    as it is.

    Args:
        compiled: the first round.
        again: compiles another round of the same words.
        folder: of the sweep.
        executor, threads: as for ``ftbench.sweep.run_matrix.run_compiled``.

    Raises:
        FtbenchError: where dollars are granted and what a trial cost is not known.
    """
    from ftbench.analysis.configurations import winners

    refused = bool(compiled.plan.refusals) and compiled.plan.settings.get("on_refusal") != "skip"
    if not compiled.plan.searches or refused:
        return compiled
    while True:
        first, stages = run_stages(compiled, folder, executor=executor, threads=threads)
        if stages is None:
            return replace(compiled, plan=first)
        more = _affordable(first)
        if not more:
            break
        compiled = again(Round(trials=more))
    chosen, told = winners(first, Store(first.store))
    for line in told:
        print(line, file=sys.stderr)
    second = again(Round(chosen=chosen))
    plan = replace(
        second.plan, trials=first.cells, searches=first.searches, stages={**first.stages, **second.plan.stages}
    )
    return replace(second, plan=plan)


def _affordable(plan: Plan) -> dict[str, int]:
    """Returns approach -> trials that its dollars pay for, judged by the dearest so far; empty when no approach can try
    more, or trials are counted.
    """
    from ftbench.analysis.configurations import trial_usd

    budget = plan.settings["effort"]["usd"]
    if budget is None:
        return {}
    counts, grown = {}, False
    costs = trial_usd(plan, Store(plan.store))
    running = {cell.approach for cell in plan.cells}
    for search in (search for search in plan.searches if search.approach in running):
        paid = [costs[trial] for trial in search.trials if trial in costs]
        unknown = [trial for trial in search.trials if trial in costs and costs[trial] is None]
        if unknown or not paid:
            raise FtbenchError(_unpriced(plan, search, bool(paid)))
        left = max(0, math.floor((budget - sum(paid)) / max(paid))) if max(paid) > 0 else search.size
        counts[search.approach] = min(len(search.trials) + left, search.size)
        grown |= counts[search.approach] > len(search.trials) + len(search.left_out) or (
            left > 0 and len(search.trials) + len(search.left_out) < search.size
        )
    return counts if grown else {}


def _unpriced(plan: Plan, search: Search, ran: bool) -> str:
    if not ran:
        return (
            f"effort.usd: the first trial of {search.label} did not end, so what one costs is not known. The log says"
            " why; effort.trials counts trials instead"
        )
    return (
        f"effort.usd: what a trial of {search.label} cost in dollars is not known: it was not measured on the hardware"
        " that is priced. Grant effort.trials=8 instead"
    )
