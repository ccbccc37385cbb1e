"""What the data checks found, in lines for a terminal and as ``data_checks`` of ``results.json``.

A report is what a check stage wrote (``rows``, ``lengths``, ``labels``, ``counts``, ``findings``, ``dropped``) with
``dataset`` and ``on_leak``, and ``tokens``: how long the rows are in each model's tokens, and what a cell's limits cut
off.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ftbench.core.cell import Cell
from ftbench.core.plan import Plan
from ftbench.store.store import Store

SHOWN = 3
"""Findings of one kind on a terminal; results.json has more."""


def data_reports(plan: Plan, store: Store) -> list[dict[str, Any]]:
    """Returns a report per dataset that was looked at, with the token counts that are there by now."""
    reports = []
    for report in plan.settings.get("data_checks", ()):
        cells = [cell for cell in plan.cells if cell.stages.get("check") == report["check"]]
        counted: dict[str, dict[str, Any]] = {}
        for cell in (
            cell for cell in cells if "tokens" in cell.stages
        ):  # a model that is not here has no tokenizer to count with
            folder = store.find(cell.stages["tokens"])
            if folder is not None:
                counted.setdefault(
                    cell.stages["tokens"],
                    {
                        "model": cell.choices.get("model"),
                        **_json(folder / "tokens.json"),
                        "cut": cut_sentences(plan, cell.stages["tokens"], folder),
                    },
                )
        reports.append({**report, "tokens": list(counted.values())})
    return reports


def check_lines(reports: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns what a person should hear of the data before a run; refused leaks are left to the refusals."""
    lines = []
    for report in reports:
        if report.get("pending"):
            lines.append(
                f"{report['dataset']}: too much to look at while planning; a stage checks it before anything else runs"
            )
            continue
        kinds: dict[str, list[Mapping[str, Any]]] = {}
        for finding in report["findings"]:
            if finding["level"] != "leak" or report["on_leak"] == "warn":
                kinds.setdefault(finding["kind"], []).append(finding)
        for kind, found in kinds.items():
            lines += [
                f"{report['dataset']}: {finding['where']}: {finding['why']}. {finding['fix']}"
                for finding in found[:SHOWN]
            ]
            if len(found) > SHOWN:
                lines.append(f"{report['dataset']}: and {report['counts'][kind] - SHOWN} more ({kind})")
    return lines


def leak_notes(reports: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns what a reader of scores must know: leaks that were let through, and rows whose targets do not fit."""
    notes = []
    for report in reports:
        let = sum(finding["count"] for finding in report.get("findings", ()) if finding["level"] == "leak")
        if let and report["on_leak"] == "warn":
            notes.append(
                f"{let} certain leaks were let through (data.on_leak=warn): scores on {report['dataset']} may measure"
                " memory"
            )
        notes += [sentence for counted in report["tokens"] for sentence in counted["cut"]]
    return notes


def cut_sentences(plan: Plan, key: str, folder: Path) -> list[str]:
    """Returns what the limits of the cells over one tokens stage cut off.

    Args:
        key: of the stage; ``folder``: what it wrote.
    """
    lengths, window = _json(folder / "lengths.json"), _json(folder / "tokens.json")["window"]
    said: dict[str, None] = {}
    for cell in plan.cells:
        if cell.stages.get("tokens") == key:
            said.update(dict.fromkeys(_cut(cell, lengths, window)))
    return list(said)


def _cut(cell: Cell, lengths: Mapping[str, Mapping[str, Sequence[int]]], window: int | None) -> list[str]:
    model, said = cell.choices.get("model"), []
    if "train" in cell.stages:
        named = cell.config["method"].get("max_tokens")
        most, place = (
            (named, f"method.max_tokens={named}") if named is not None else (window, f"the window of {window} tokens")
        )
        prompts, rows = lengths["train"]["prompt"], lengths["train"]["row"]
        over = sum(size > most for size in rows) if most is not None else 0
        if over:
            lost = sum(size >= most for size in prompts)
            told = f" ({lost} of them before the target begins)" if lost else ""
            kept = "left out" if cell.config["method"].get("overlong") == "drop" else "lose the end of their target"
            said.append(
                f"{model}: {over} of {len(rows)} training rows have more tokens than {place} and {kept}{told}; the"
                f" longest has {max(rows)}"
            )
    cap = cell.config["decoding"].get("max_new_tokens")
    answers = lengths["test"]["target"]
    short = sum(size > cap for size in answers) if cap is not None else 0
    if short:
        said.append(
            f"{model}: {short} of {len(answers)} test answers have more tokens than decoding.max_new_tokens={cap}, so"
            f" no output can match them; the longest has {max(answers)}"
        )
    if window is not None and cap is not None:
        full = sum(size + cap > window for size in lengths["test"]["prompt"])
        if full:
            said.append(
                f"{model}: {full} of {len(answers)} test prompts leave less than decoding.max_new_tokens={cap} in the"
                f" window of {window} tokens"
            )
    return said


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))
