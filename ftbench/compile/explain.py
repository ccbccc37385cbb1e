"""What a cell or a stage is, what its key was taken over, and why it is or is not cached."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ftbench.core.cell import AXES, Cell, Refusal, axis_of, sub_axes
from ftbench.core.errors import FtbenchError
from ftbench.core.files import json_text
from ftbench.core.plan import Plan
from ftbench.core.receipt import Receipt
from ftbench.core.stage import RECORD, Stage
from ftbench.store.store import Store


def explain(plan: Plan, store: Store, key: str) -> list[str]:
    """Returns the lines that explain a cell, a refusal or a stage.

    Raises:
        FtbenchError: when the plan has nothing of that name, or several.
    """
    cells = [cell for cell in plan.cells if cell.id.startswith(key)]
    refusals = [refusal for refusal in plan.refusals if refusal.cell.startswith(key)]
    stages = [stage for stage in plan.stages.values() if stage.key.startswith(key)]
    found = cells + refusals + stages
    if len(found) != 1:
        several = (
            f"{len(found)} things begin with {key!r}; give more of it"
            if found
            else f"{key!r} is no cell or stage of this plan"
        )
        raise FtbenchError(f"{several}. Ids and keys stand in plan.json; --sweep names another sweep")
    if cells:
        return _cell(plan, store, cells[0])
    return _refusal(refusals[0]) if refusals else _stage(plan, store, stages[0])


def _cell(plan: Plan, store: Store, cell: Cell) -> list[str]:
    lines = [
        f"cell {cell.id}: {cell.label}",
        f"typed: {' '.join(cell.overrides) or '(nothing)'}",
        f"options: {_options(cell.choices)}",
    ]
    for role, key in cell.stages.items():
        shared = [other.label for other in plan.cells if other.id != cell.id and key in other.stages.values()]
        also = (
            f"   shared with {len(shared)}: {', '.join(shared[:3])}{' ...' if len(shared) > 3 else ''}"
            if shared
            else ""
        )
        lines.append(f"  {role:<20} {key[:12]}  {_state(store, key)}{also}")
    return lines + [f"note: {note}" for note in cell.notes]


def _options(choices: Mapping[str, str]) -> str:
    """Returns every axis with its option, each with its sub-axes behind it."""
    ordered = [
        group
        for axis in AXES
        for group in (axis, *(sub for sub in sub_axes([choices]) if axis_of(sub) == axis))
        if group in choices
    ]
    return " ".join(f"{group}={choices[group]}" for group in ordered)


def _refusal(refusal: Refusal) -> list[str]:
    lines = [f"refused {refusal.cell}: {refusal.label}", f"typed: {' '.join(refusal.overrides)}"]
    lines += [f"options: {_options(refusal.choices)}"] if refusal.choices else []
    return lines + [f"  {problem['where']}: {problem['why']}. {problem['fix']}." for problem in refusal.problems]


def _stage(plan: Plan, store: Store, stage: Stage) -> list[str]:
    used = [f"{cell.label} ({role})" for cell in plan.cells for role, key in cell.stages.items() if key == stage.key]
    lines = [
        f"stage {stage.key}",
        f"kind: {stage.kind}   state: {_state(store, stage.key)}{_changed(store, stage)}",
        f"used by: {'; '.join(used) or 'other stages only'}",
    ]
    lines += [
        f"input {role}: {plan.stages[key].kind} {key[:12]}  {_state(store, key)}" for role, key in stage.inputs.items()
    ]
    lines += ["", "the key is taken over:", json_text(stage.spec).rstrip()]
    folder = store.find(stage.key)
    if folder:
        receipt = Receipt.read(folder)
        lines += [
            "",
            f"folder: {folder}",
            f"ran: {receipt.started} on {receipt.device}, {receipt.seconds['total']:.1f} s",
        ]
        return lines
    for failed in store.attempts(stage.key):
        lines.append(f"failed {failed.started}: {failed.error}")
    nearest = min(
        ((len(found), found, other) for other, found in _others(store, stage)), default=None, key=lambda entry: entry[0]
    )
    if nearest:
        lines += ["", f"not cached. The nearest finished {stage.kind} is {nearest[2][:12]}, which differs in:"]
        lines += [f"  {place}: {_text(old)} there, {_text(new)} here" for place, old, new in nearest[1]]
    return lines


def _others(store: Store, stage: Stage) -> Iterator[tuple[str, list[tuple[str, Any, Any]]]]:
    """Yields key and differences of each finished stage of the same kind."""
    for key in store.keys():
        record = store.folder(key) / RECORD
        if key == stage.key or not record.is_file():  # a damaged stage is not its own neighbor
            continue
        try:
            other = json.loads(record.read_text(encoding="utf-8"))
            kind, there = other["kind"], {name: other[name] for name in ("version", "spec", "inputs")}
        except (ValueError, KeyError, TypeError):  # damaged; a run that needs it says so
            continue
        if kind == stage.kind:
            here = stage.record()
            yield key, differences(there, {name: here[name] for name in ("version", "spec", "inputs")})


def differences(old: Any, new: Any, place: str = "") -> list[tuple[str, Any, Any]]:
    """Returns ``(place, old, new)`` for each leaf in which two plain values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for name in dict.fromkeys([*old, *new]):
            found += differences(old.get(name), new.get(name), f"{place}.{name}" if place else name)
        return found
    return [] if old == new else [(place, old, new)]


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _changed(store: Store, stage: Stage) -> str:
    changed = store.changed(stage.key, stage.inputs)
    return (
        f", but made from other bytes of its input {', '.join(changed)}; the next run makes it again" if changed else ""
    )


def _state(store: Store, key: str) -> str:
    if store.find(key):
        return "done"
    if problem := store.damage(key):
        return f"damaged ({problem}); the next run sets it aside and makes it again"
    attempts = store.attempts(key)
    return f"failed ({attempts[-1].error})" if attempts else "not run"
