"""What every launcher does with a compiled matrix: say what will run, run it, rank it, and tell how each cell ended."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ftbench.analysis.data_checks import check_lines
from ftbench.analysis.detectable import detectable_effects
from ftbench.compile.matrix import Compiled
from ftbench.compile.print_plan import plan_text, refusal_text, summary
from ftbench.core.cell import Cell
from ftbench.core.errors import FtbenchError
from ftbench.core.plan import Plan
from ftbench.store.scheme import earlier_line
from ftbench.store.store import Store
from ftbench.sweep.budget import within_budget

if TYPE_CHECKING:
    from ftbench.execution.events import StageOutcome
    from ftbench.execution.executors.base import Executor


@dataclass(frozen=True)
class SweepResult:
    """How a sweep ended.

    Attributes:
        scores: cell id -> validation score of the primary metric; absent or None where there is none.
        broken: ids of cells and refusals that make the exit status 1.
        not_composed: refusals without any config, for which Hydra can write no job folder.
        message: one line for the person, where something is broken.
    """

    scores: dict[str, float | None]
    broken: frozenset[str]
    not_composed: frozenset[str]
    message: str

    @classmethod
    def planned(cls, compiled: Compiled) -> SweepResult:
        """Returns the result of ``plan``: nothing has run; refusals count as broken unless they are to be skipped."""
        refused = frozenset(refusal.cell for refusal in compiled.plan.refusals)
        skipped = compiled.plan.settings.get("on_refusal") == "skip"
        message = f"{len(refused)} of {len(refused) + len(compiled.plan.cells)} cells refused; the plan above says why."
        return cls({}, frozenset() if skipped else refused, _not_composed(compiled.plan), message)


def show_plan(compiled: Compiled, folder: Path, out: TextIO) -> None:
    """Writes ``plan.json`` and prints the whole plan."""
    path = compiled.plan.write(folder)
    store = Store(compiled.plan.store) if compiled.plan.store else None
    print(plan_text(compiled, {key for key in compiled.plan.stages if store and store.find(key)}), file=out)
    for line in check_lines(compiled.plan.settings.get("data_checks", ())):
        print(f"data: {line}", file=out)
    for line in within_budget(compiled.plan, {key for key in compiled.plan.stages if store and store.find(key)}).lines:
        print(line, file=out)
    for sentence in detectable_effects(compiled.plan):
        print(f"can show: {sentence}", file=out)
    print(f"\nplan: {_short(path)}", file=out)


def run_compiled(compiled: Compiled, folder: Path, *, executor: Executor, threads: int | None) -> SweepResult:
    """Runs a compiled matrix here and writes its tables into ``folder``.

    Raises:
        KeyboardInterrupt: on Ctrl-C, with everything finished kept.
    """
    from ftbench.analysis.reviewed import review_lines
    from ftbench.analysis.rows import CellOutcome
    from ftbench.report.terminal import render
    from ftbench.report.write import validation_score, write_results

    plan, stages = run_stages(compiled, folder, executor=executor, threads=threads)
    store = Store(plan.store) if plan.store else None
    stop = stages is None
    if stop:
        reason = f"nothing was run: {len(plan.refusals)} refused (on_refusal=skip runs the others)"
        outcomes = {cell.id: CellOutcome("blocked", reason) for cell in plan.cells}
    else:
        outcomes = {cell.id: CellOutcome(*_cell_status(cell, stages)) for cell in plan.cells}
    if plan.settings:
        results = write_results(plan, outcomes, folder)
        # a cell whose stages are all done has failed where too many of its rows did (limits.failed_rows)
        ended = {row.id: CellOutcome(row.facts["status"], row.facts["reason"]) for row in results.rows}
        outcomes = {cell: ended[cell] for cell in outcomes}
        print(render(results, width=_width()))
        for line in review_lines(folder, results.primary, set(outcomes)):
            print(line)
        print(f"\nresults: {_short(folder)}/leaderboard.md, approaches.csv, results.csv, results.json, plan.json")
    scores = {cell.id: validation_score(plan, cell, store) for cell in plan.cells if outcomes[cell.id].status == "done"}
    broken = {cell for cell, outcome in outcomes.items() if outcome.status not in ("done", "skipped")}
    if (
        stop or not plan.settings or not plan.cells
    ):  # of nothing but refusals none was run in the place of the skipped ones
        broken |= {refusal.cell for refusal in plan.refusals}
    failed = sum(outcome.status == "failed" for outcome in outcomes.values())
    done = sum(outcome.status == "done" for outcome in outcomes.values())
    message = (
        f"{done} {'cell' if done == 1 else 'cells'} done, {failed} failed, {len(plan.refusals)} refused; the table"
        " above says why."
    )
    return SweepResult(scores, frozenset(broken), _not_composed(plan), message)


def run_stages(
    compiled: Compiled, folder: Path, *, executor: Executor, threads: int | None
) -> tuple[Plan, dict[str, StageOutcome] | None]:
    """Writes the plan, says what will run, looks at the data where that takes a stage, and runs the rest.

    Returns:
        The plan, less what the data checks refused, and stage key -> outcome; None where refusals keep the rest from
        running.
    """
    from ftbench.execution.events import StageOutcome
    from ftbench.sweep.data_gate import pass_gate, pending
    from ftbench.sweep.run_with_sinks import run_watched

    plan = compiled.plan
    path = plan.write(folder)
    store = Store(plan.store) if plan.store else None
    print(summary(plan, {key for key in plan.stages if store and store.find(key)}), file=sys.stderr)
    for note in compiled.notes:
        print(f"note: {note}", file=sys.stderr)
    for line in check_lines(plan.settings.get("data_checks", ())):
        print(f"data: {line}", file=sys.stderr)
    if plan.refusals:
        print(refusal_text(plan.refusals), file=sys.stderr)
    stop = bool(plan.refusals) and plan.settings.get("on_refusal") != "skip"
    if not stop and plan.cells and pending(plan):
        check_writable(plan.store)
        before = len(plan.refusals)
        plan = pass_gate(plan, path, executor)
        path = plan.write(folder)
        for line in check_lines(plan.settings["data_checks"]):
            print(f"data: {line}", file=sys.stderr)
        if plan.refusals[before:]:
            print(refusal_text(plan.refusals[before:]), file=sys.stderr)
        stop = len(plan.refusals) > before and plan.settings.get("on_refusal") != "skip"
    if stop:
        return plan, None
    if threads is not None:
        os.environ["FTBENCH_THREADS"] = str(threads)
    check_writable(plan.store)
    part = within_budget(plan, {key for key in plan.stages if store and store.find(key)})
    earlier = earlier_line(Store(plan.store))
    for line in (*part.lines, *([] if earlier is None else [f"note: {earlier}"])):
        print(line, file=sys.stderr)
    ended = run_watched(part.plan, path, executor, budget_guard=part.budget_guard)
    by_id = {cell.id: cell for cell in plan.cells}
    unpaid = {
        key: StageOutcome("skipped", why) for cell, why in part.skipped.items() for key in by_id[cell].stages.values()
    }
    return plan, {**unpaid, **ended}


def _cell_status(cell: Cell, stages: dict[str, StageOutcome]) -> tuple[str, str | None]:
    """Returns status and reason: failed if one of the cell's own stages failed, blocked if something before
    them did.
    """
    mine = [(role, stages[key]) for role, key in cell.stages.items()]
    for role, outcome in mine:
        if outcome.state == "failed":
            return "failed", f"{role}: {outcome.error}"
    for _, outcome in reversed(
        mine
    ):  # the last stage is the cell's own; earlier ones may be skipped for another cell's sake
        if outcome.state == "skipped":
            return "skipped", outcome.error
    for role, outcome in mine:
        if outcome.state not in ("done", "cached"):
            return "blocked", f"{role}: {outcome.error or outcome.state}"
    return "done", None


def check_writable(store: str) -> None:
    """Raises FtbenchError when nothing could be published there, before anything is worked out in vain."""
    try:
        Path(store).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=store):
            return
    except OSError as error:
        raise FtbenchError(f"store.dir={store}: cannot be written ({error.strerror}). Set store.dir=FOLDER") from None


def _not_composed(plan: Plan) -> frozenset[str]:
    return frozenset(refusal.cell for refusal in plan.refusals if not refusal.config)


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _width() -> int:
    try:
        return max(80, os.get_terminal_size().columns)
    except OSError:
        return 120
