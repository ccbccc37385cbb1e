"""One cell: how to make it again, how it was trained, what it cost stage by stage, and what was noticed on the way."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftbench.analysis.rows import Row
from ftbench.core.receipt import Receipt
from ftbench.report.view.sweep import Sweep, read_lines

MOST_POINTS = 400
"""Points of a curve that are drawn; of a longer one, every k-th and each with a validation loss."""

TRAINED = ("train", "reference", "merge")


@dataclass(frozen=True)
class Training:
    """One training stage.

    Attributes:
        key: of the stage; ``name`` what it is called on the page.
        curve: rows of ``curve.jsonl``, thinned; ``steps`` how many there were.
        findings: sentences; empty where nothing was found.
        rows: counts of rows trained on, cut, dropped and refused.
        masked: the masked example, or None.
    """

    key: str
    name: str
    curve: tuple[dict[str, Any], ...]
    steps: int
    findings: tuple[str, ...]
    rows: dict[str, Any]
    masked: dict[str, Any] | None


@dataclass(frozen=True)
class Part:
    """One stage of the cell.

    Attributes:
        role: such as ``generate.test``; ``kind`` of the stage.
        state: ``done``, ``failed`` or ``not run``.
        receipt: of the finished stage, or of the last failed attempt, or None.
        shared: labels of the other cells that use it.
        shape: how its seconds divide, longest first.
    """

    role: str
    kind: str
    key: str
    state: str
    receipt: Receipt | None
    shared: tuple[str, ...]
    shape: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class CellPage:
    """Everything the page of one cell shows.

    Attributes:
        row: of the results, or None before there are any.
        command: that makes this cell alone, or None for a baseline that the matrix added.
        config: the resolved config, plain JSON.
        parts: stages in order of work.
        training: its training stages, earliest first.
        forecast, decision, harness: as ``results.json`` holds them, or None.
        checks: of its data, or None.
        environment: packages and platform of its newest stage; ``provenance`` by role.
    """

    identity: str
    label: str
    row: Row | None
    result: dict[str, Any]
    command: str | None
    config: dict[str, Any]
    notes: tuple[str, ...]
    parts: tuple[Part, ...]
    training: tuple[Training, ...]
    forecast: Any
    checks: Any
    environment: dict[str, Any]
    provenance: dict[str, dict[str, Any]]


def cell_page(sweep: Sweep, identity: str) -> CellPage | None:
    """Returns the page of a cell, None when the sweep has none of this id."""
    planned, result = sweep.cells.get(identity), sweep.shown.get(identity, {})
    refused = next((refusal for refusal in sweep.plan["refusals"] if refusal["cell"] == identity), None)
    if planned is None:
        return None if refused is None else _refused(sweep, refused, result)
    parts = tuple(_part(sweep, planned, role, key) for role, key in _stages(sweep, planned))
    finished = [part.receipt for part in parts if part.state == "done" and part.receipt is not None]
    newest = max(finished, key=lambda receipt: receipt.started, default=None)
    return CellPage(
        identity=identity,
        label=planned["label"],
        row=sweep.rows.get(identity),
        result=result,
        command=_command(planned["overrides"], bool(planned.get("baseline"))),
        config=planned["config"],
        notes=tuple(dict.fromkeys([*planned.get("notes", ()), *result.get("notes", ())])),
        parts=parts,
        training=tuple(
            found for part in parts if part.kind == "train" and (found := _training(sweep, part)) is not None
        ),
        forecast=result.get("forecast") or ((sweep.plan.get("forecast") or {}).get("cells") or {}).get(identity),
        checks=checks_of(sweep, planned["stages"]),
        environment=dict(newest.environment) if newest else {},
        provenance={
            part.role: part.receipt.provenance for part in parts if part.receipt is not None and part.receipt.provenance
        },
    )


def checks_of(sweep: Sweep, stages: Mapping[str, str]) -> Any:
    """Returns what the data checks found in the data of a cell with these stages, as ``results.json`` (or a plan
    without results) holds it.
    """
    reports = (sweep.results or {}).get("data_checks") or sweep.settings.get("data_checks") or ()
    return next(
        (
            report
            for report in reports
            if report.get("check") is not None and report.get("check") == stages.get("check")
        ),
        None,
    )


def _refused(sweep: Sweep, refusal: Mapping[str, Any], result: dict[str, Any]) -> CellPage:
    row = sweep.rows.get(refusal["cell"])
    command = _command(refusal["overrides"], False)
    return CellPage(
        refusal["cell"], refusal["label"], row, result, command, refusal["config"], (), (), (), None, None, {}, {}
    )


def _command(overrides: Sequence[str], baseline: bool) -> str | None:
    if baseline and not overrides:
        return None
    return shlex.join(["python", "-m", "ftbench", "-m", *overrides])


def _stages(sweep: Sweep, planned: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns role and key of every stage that the cell needs, earlier ones (an SFT before its DPO) first."""
    roles = {key: role for role, key in planned["stages"].items()}
    found: dict[str, str] = {}

    def walk(key: str) -> None:
        stage = sweep.stages.get(key)
        if stage is None or key in found:
            return
        for earlier in stage["inputs"].values():
            walk(earlier)
        found[key] = roles.get(key, stage["kind"])

    for key in planned["stages"].values():
        walk(key)
    return [(role, key) for key, role in found.items()]


def _part(sweep: Sweep, planned: Mapping[str, Any], role: str, key: str) -> Part:
    receipt = sweep.receipt(key)
    state = "done"
    if receipt is None:
        attempts = sweep.store.attempts(key)
        receipt, state = (attempts[-1], "failed") if attempts else (None, "not run")
    shared = tuple(
        cell["label"] for cell in sweep.plan["cells"] if cell["id"] != planned["id"] and key in cell["stages"].values()
    )
    shape = () if receipt is None else _shape(receipt.seconds)
    return Part(role, sweep.stages[key]["kind"], key, state, receipt, shared, shape)


def _shape(seconds: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """Returns the parts of a stage's wall time, and what no part names as ``other``, longest first."""
    parts = {name: value for name, value in seconds.items() if name != "total"}
    rest = seconds.get("total", 0.0) - sum(parts.values())
    if rest > 1e-3:
        parts["other"] = rest
    return tuple(sorted(parts.items(), key=lambda item: -item[1]))


def _training(sweep: Sweep, part: Part) -> Training | None:
    folder = sweep.stage_folder(part.key)
    if folder is None:
        return None
    curve = list(read_lines(folder / "curve.jsonl")) if (folder / "curve.jsonl").is_file() else []
    findings = _json(folder / "findings.json") or []
    return Training(
        part.key,
        part.role,
        tuple(_thin(curve)),
        len(curve),
        tuple(map(str, findings)),
        _json(folder / "rows.json") or {},
        _json(folder / "masked_example.json"),
    )


def _thin(curve: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    stride = max(1, -(-len(curve) // MOST_POINTS))
    return [
        row
        for index, row in enumerate(curve)
        if index % stride == 0 or index == len(curve) - 1 or row.get("validation_loss") is not None
    ]


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
