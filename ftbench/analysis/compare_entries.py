"""The cells to compare: those of finished sweeps, and answers recorded elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftbench.analysis.ranking import method_key
from ftbench.analysis.rows import CellOutcome, Row, build_rows
from ftbench.core.canonical import digest
from ftbench.core.component import build
from ftbench.core.errors import FtbenchError, Refused, did_you_mean
from ftbench.core.example import read_examples
from ftbench.core.files import read_jsonl
from ftbench.core.plan import Plan
from ftbench.store.store import Store

SOURCES = {"outputs": ("generate.test", "outputs.jsonl"), "likelihood": ("likelihood.test", "likelihood.jsonl")}
RECORDED = "ftbench.models.recorded.Recorded"


@dataclass(frozen=True)
class Entry:
    """One cell to compare.

    Attributes:
        row: as the report knows it.
        node: of the metric; ``identity`` tells two settings of one metric apart.
        answers: example -> row of ``outputs.jsonl`` or ``likelihood.jsonl``; an example is its id and references.
        method: what it shares with its other seeds.
    """

    row: Row
    node: dict[str, Any]
    answers: dict[str, dict[str, Any]]
    method: str


def entries_of(path: Path, plan: Plan, name: str, moved: Path | None) -> list[Entry]:
    store = Store(str(moved) if moved is not None else plan.store)
    if name not in plan.settings.get("metrics", ()):
        raise FtbenchError(f"{path}: was not scored by {name}. {did_you_mean(name, plan.settings.get('metrics', ()))}")
    done = {
        cell.id: CellOutcome("done", None)
        for cell in plan.cells
        if store.published(cell.stages["score.test"]) is not None
    }
    cells = {cell.id: cell for cell in plan.cells}
    found = []
    for row in build_rows(plan, done, store):
        if row.id not in done:
            continue
        if not row.done:  # too many of its rows failed, or a stage of it is damaged
            print(f"ftbench: {path}: {row.label} is left out: {row.facts['reason']}", file=sys.stderr)
            continue
        cell = cells[row.id]
        node = plan.stages[cell.stages["score.test"]].config["metrics"][name]
        reads = build(node, f"metric.{name}").reads
        role, file = (f"judge.{name}.test", "judgements.jsonl") if reads == "judgements" else SOURCES[reads]
        prepared, answered = (
            store.find(cell.stages["prepare"]),
            store.find(cell.stages[role]) if role in cell.stages else None,
        )
        if prepared is None or answered is None:
            continue
        wanted = {example.id: list(example.references) for example in read_examples(prepared / "test.jsonl")}
        answers = {
            example_key(one["id"], wanted[one["id"]]): {**one, "references": wanted[one["id"]]}
            for one in read_jsonl(answered / file)
        }
        found.append(Entry(row, node, answers, method_key(cell.config)))
    if not found:
        raise FtbenchError(
            f"{path}: no cell of it is finished in {store.path}. Name the store with --store if it was moved, or run"
            " the sweep"
        )
    return found


def recorded(file: str, entries: Sequence[Entry]) -> Entry:
    """Lays recorded answers beside the examples of the first cell; an example without one is a failed row that stays in
    n.
    """
    model = build({"_target_": RECORDED, "outputs": file}, f"--outputs {file}")
    if entries[0].node and build(entries[0].node, "metric").reads != "outputs":
        raise FtbenchError(f"--outputs {file}: recorded answers have no log-probabilities. Take a --metric of the text")
    try:
        given = model.answers()
    except Refused as refused:
        text = str(refused).replace("model.outputs=", "--outputs ")
        raise FtbenchError(text if text.startswith("--outputs") else f"--outputs {text}") from refused
    wanted = {one["id"] for one in entries[0].answers.values()}
    if not given.keys() & wanted:
        raise FtbenchError(f"--outputs {file}: no id is one of the sweep's examples. Use the ids of its outputs.jsonl")
    nothing = {"output": "", "finish": "error"}
    answers = {
        example: {
            **one,
            "output": "",
            "finish": "error",
            "error": None,
            **{key: given.get(one["id"], nothing)[key] for key in ("output", "finish")},
        }
        for example, one in entries[0].answers.items()
    }
    facts = {
        **dict.fromkeys(entries[0].row.facts),
        "cell_id": digest(model.identity())[:10],
        "label": f"recorded {Path(file).name}",
        "status": "done",
    }
    facts["dataset"] = entries[0].row.facts["dataset"]
    return Entry(
        Row(facts, {}, {}, None, False, False, tuple(model.coverage(wanted, given.keys())), {}),
        entries[0].node,
        answers,
        digest(model.identity()),
    )


def example_key(identity: str, references: Sequence[str]) -> str:
    return digest([identity, list(references)])
