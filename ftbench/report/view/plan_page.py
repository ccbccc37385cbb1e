"""The matrix as compiled: its stages, what is shared and finished, what was refused and why; and how far a running
sweep is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ftbench.core.cell import AXES, axis_of, is_deployable, sub_axes
from ftbench.report.view.sweep import Sweep

DONE, FAILED, WAITING = "done", "failed", "waiting"


@dataclass(frozen=True)
class Node:
    """One stage, or all stages of a kind where there are too many to draw.

    Attributes:
        column: how many stages must come before it.
        cells: labels of the cells that use it.
        count: stages that it stands for; ``done`` and ``failed`` of them.
        inputs: keys of the nodes that it reads.
    """

    key: str
    name: str
    kind: str
    column: int
    cells: tuple[str, ...]
    count: int
    done: int
    failed: int
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class PlanPage:
    """What the page of the plan shows.

    Attributes:
        nodes: one per stage; ``merged`` one per kind.
        cells: facts of each cell: id, label, baseline, stages done of all, notes.
        axes: axis or sub-axis -> the options that cells take.
        refusals: label and problems.
        trials: of a search by effort: cells of its first round.
        running: no results yet, and not everything is finished.
        forecast: as the plan holds it, or None.
    """

    cells: tuple[dict[str, Any], ...]
    nodes: tuple[Node, ...]
    merged: tuple[Node, ...]
    refusals: tuple[dict[str, Any], ...]
    axes: dict[str, tuple[str, ...]]
    stages: int
    done: int
    failed: int
    shared: int
    trials: int
    excluded: int
    running: bool
    forecast: Any
    kinds: dict[str, tuple[int, int]]


def plan_page(sweep: Sweep) -> PlanPage:
    """Returns the plan with the state of every stage as the store has it now."""
    state = {
        key: DONE if sweep.store.find(key) else FAILED if sweep.store.attempts(key) else WAITING for key in sweep.stages
    }
    users: dict[str, list[str]] = {key: [] for key in sweep.stages}
    for cell in sweep.plan["cells"]:
        for key in _needed(sweep, cell):
            users[key].append(cell["label"])
    trials = sweep.plan.get("trials", ())
    alone = {key for key, labels in users.items() if not labels}
    for trial in trials:
        for key in _needed(sweep, trial) & alone:
            users[key].append(f"trial {trial['label']}")
    column: dict[str, int] = {}
    for key, stage in sweep.stages.items():
        column[key] = 1 + max((column.get(earlier, 0) for earlier in stage["inputs"].values()), default=-1)
    names = {key: f"{stage['kind']} {stage['spec'].get('split', '')}".strip() for key, stage in sweep.stages.items()}
    nodes = tuple(
        Node(
            key,
            names[key],
            stage["kind"],
            column[key],
            tuple(users[key]),
            1,
            int(state[key] == DONE),
            int(state[key] == FAILED),
            tuple(stage["inputs"].values()),
        )
        for key, stage in sweep.stages.items()
    )
    total: Counter[str] = Counter(stage["kind"] for stage in sweep.stages.values())
    ended: Counter[str] = Counter(stage["kind"] for key, stage in sweep.stages.items() if state[key] == DONE)
    done, failed = sum(one == DONE for one in state.values()), sum(one == FAILED for one in state.values())
    return PlanPage(
        cells=tuple(_cell(sweep, cell, state) for cell in sweep.plan["cells"]),
        nodes=nodes,
        merged=_merged(nodes),
        refusals=tuple(sweep.plan["refusals"]),
        axes=_axes(sweep),
        stages=len(nodes),
        done=done,
        failed=failed,
        shared=sum(len(node.cells) > 1 for node in nodes),
        trials=len(trials),
        excluded=sweep.plan.get("excluded", 0),
        running=sweep.results is None and done + failed < len(nodes),
        forecast=sweep.plan.get("forecast"),
        kinds={kind: (ended[kind], count) for kind, count in total.items()},
    )


def _needed(sweep: Sweep, cell: dict[str, Any]) -> set[str]:
    """Returns the keys of every stage that a cell needs, those before its own among them."""
    found: set[str] = set()
    ahead = list(cell["stages"].values())
    while ahead:
        key = ahead.pop()
        if key in sweep.stages and key not in found:
            found.add(key)
            ahead += sweep.stages[key]["inputs"].values()
    return found


def _cell(sweep: Sweep, cell: dict[str, Any], state: dict[str, str]) -> dict[str, Any]:
    needed = _needed(sweep, cell)
    result = sweep.shown.get(cell["id"], {})
    return {
        "id": cell["id"],
        "label": cell["label"],
        "baseline": bool(cell.get("baseline")),
        "deployable": is_deployable(cell),
        "status": result.get("status"),
        "reason": result.get("reason"),
        "stages": len(needed),
        "done": sum(state[key] == DONE for key in needed),
        "failed": sum(state[key] == FAILED for key in needed),
        "forecast": cell.get("forecast") or result.get("forecast"),
        "notes": tuple(cell.get("notes", ())),
    }


def _axes(sweep: Sweep) -> dict[str, tuple[str, ...]]:
    everything = [*sweep.plan["cells"], *sweep.plan.get("trials", ()), *sweep.plan["refusals"]]
    groups = sub_axes(one["choices"] for one in everything)
    ordered = [group for axis in AXES for group in (axis, *(sub for sub in groups if axis_of(sub) == axis))]
    found = {
        group: tuple(dict.fromkeys(str(one["choices"][group]) for one in everything if group in one["choices"]))
        for group in ordered
    }
    found["seed"] = tuple(
        dict.fromkeys(str(one["config"].get("seed")) for one in everything if "seed" in one["config"])
    )
    return {axis: options for axis, options in found.items() if options}


def _merged(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Returns one node per name; its column is that of its last member."""
    groups: dict[str, list[Node]] = {}
    for node in nodes:
        groups.setdefault(node.name, []).append(node)
    name_of = {node.key: node.name for node in nodes}
    return tuple(
        Node(
            name,
            name,
            members[0].kind,
            max(node.column for node in members),
            tuple(dict.fromkeys(cell for node in members for cell in node.cells)),
            len(members),
            sum(node.done for node in members),
            sum(node.failed for node in members),
            tuple(
                dict.fromkeys(
                    name_of[key] for node in members for key in node.inputs if key in name_of and name_of[key] != name
                )
            ),
        )
        for name, members in groups.items()
    )
