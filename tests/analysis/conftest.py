"""A small finished matrix in a real store: real prepare, train, generate and score folders, with chosen answers and
times.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from ftbench.analysis.rows import CellOutcome
from ftbench.core.cell import Cell, Refusal
from ftbench.core.component import build
from ftbench.core.files import write_jsonl
from ftbench.core.job import Job
from ftbench.core.plan import Plan
from ftbench.core.receipt import Receipt
from ftbench.core.stage import Stage
from ftbench.stages import score
from ftbench.store.store import Store

STATISTICS = {"confidence": 0.95, "resamples": 300, "seed": 1}
DECISION = {"family": "best", "margin": None, "power": 0.8, "assumed_sd": None, "assumed_icc": 0.3}
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Matrix:
    """Builds a plan and fills its store cell by cell."""

    store: Store
    metrics: tuple[str, ...] = ("exact_match", "rouge1")
    primary: str = "exact_match"
    decision: dict = field(default_factory=lambda: dict(DECISION))
    cells: list[Cell] = field(default_factory=list)
    stages: dict[str, Stage] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    outcomes: dict[str, CellOutcome] = field(default_factory=dict)
    limits: dict | None = None

    def cell(
        self,
        label,
        right,
        *,
        n=40,
        trains=False,
        work=4.0,
        load=2.0,
        hardware="cpu",
        device="cpu",
        model="tiny",
        validation=None,
        status="done",
        reason=None,
        finish="stop",
        failed_rows=0,
        failed_validation=0,
        nll=2.0,
        notes=("toy: says nothing about a 7B",),
        price=None,
        seed=0,
        group=None,
        approach=None,
        values=None,
        data="toy",
        tested=None,
        deployable=True,
    ):
        """Adds a cell whose first ``right`` of ``n`` answers are right.

        ``tested`` are the rows that its ``data`` left in the store for the test; the last ``failed_rows`` of them
        failed.
        """
        failed = {"test": failed_rows, "validation": failed_validation}
        nodes = {
            name: yaml.safe_load((ROOT / "conf" / "metric" / f"{name}.yaml").read_text(encoding="utf-8"))
            for name in self.metrics
        }
        for node in nodes.values():
            if "pattern" in node:
                node["pattern"] = None
        machine = yaml.safe_load((ROOT / "conf" / "hardware" / f"{hardware}.yaml").read_text(encoding="utf-8"))
        if price is not None:
            machine["usd_per_hour"] = price
        roles = {"prepare": self._prepare(notes, data, tested)}
        inputs = {"prepare": roles["prepare"]}
        if trains:
            roles["train"] = inputs["weights"] = self._add(
                "train", {"cell": label, "seed": seed}, {"prepare": roles["prepare"]}, model
            )
            self._publish(
                roles["train"], device, {"total": load + 30.0, "load": load, "work": 30.0}, {"supervised": 100}, 5000
            )
        for split, good in (("test", right), ("validation", validation)):
            if good is None:
                continue
            rows = [
                _output(i, i < good, "error" if i >= n - failed[split] else finish)
                | {"group": group and f"{group}{i % 8}"}
                for i in range(n)
            ]
            nodes_read = {build(node, name).reads for name, node in nodes.items()}
            scored = {}
            if "outputs" in nodes_read:
                key = scored["generate"] = self._add(
                    "generate", {"cell": label, "split": split, "seed": seed}, inputs, model
                )
                timings = {
                    "batch_seconds": work,
                    "requests": n,
                    "completion_tokens": n * 2,
                    "latency_seconds": [0.1, 0.2, 0.3],
                }
                files = {"outputs.jsonl": rows, "timings.json": timings}
                self._publish(
                    key,
                    device,
                    {"total": load + work, "load": load, "work": work},
                    {"prompt": n * 3, "completion": n * 2},
                    7000,
                    files,
                )
            if "likelihood" in nodes_read:
                key = scored["likelihood"] = self._add(
                    "likelihood", {"cell": label, "split": split, "seed": seed}, inputs, model
                )
                likely = [_likelihood(i, nll + i % 3) for i in range(n)]
                self._publish(key, device, {"total": 1.0}, {}, 10, {"likelihood.jsonl": likely})
            roles.update({f"{kind}.{split}": key for kind, key in scored.items()})
            roles[f"score.{split}"] = self._score(nodes, scored)
        choices = {
            "model": model,
            "method": "lora" if trains else "none",
            "context": "zero_shot",
            "dataset": "toy",
            "decoding": "greedy",
            "hardware": hardware,
        }
        config = {
            "seed": seed,
            "hardware": machine,
            **{axis: {"label": label} for axis in choices if axis != "hardware"},
        }
        cell = Cell(
            f"{len(self.cells):010x}",
            label,
            choices,
            (),
            config,
            roles,
            approach=approach or "",
            approach_label=approach or "",
            values=values or {},
            deployable=deployable,
        )
        self.cells.append(cell)
        self.outcomes[cell.id] = CellOutcome(status, reason)
        return cell

    def refuse(self, label, why):
        choices = {
            "model": "tiny",
            "method": "full",
            "context": "zero_shot",
            "dataset": "toy",
            "decoding": "greedy",
            "hardware": "cpu",
        }
        problem = {"where": "method", "why": why, "fix": "Take lora"}
        self.refusals.append(Refusal(f"{len(self.refusals) + 4096:010x}", label, choices, (), {"seed": 0}, (problem,)))

    def plan(self):
        settings = {
            "metrics": list(self.metrics),
            "primary_metric": self.primary,
            "statistics": STATISTICS,
            "decision": self.decision,
        }
        settings |= {} if self.limits is None else {"limits": self.limits}
        return Plan(tuple(self.cells), dict(self.stages), tuple(self.refusals), str(self.store.path), settings)

    def _prepare(self, notes, data, tested):
        key = self._add("prepare", {"dataset": data}, {}, None)
        if self.store.find(key) is None:
            files = {} if tested is None else {"test.jsonl": tested}
            self._publish(
                key, "cpu", {"total": 1.0}, {}, None, {"summary.json": {"notes": list(notes), "counts": {}}, **files}
            )
        return key

    def _add(self, kind, spec, inputs, model, config=None):
        stage = Stage(kind, spec, inputs, config or {}, model)
        self.stages[stage.key] = stage
        return stage.key

    def _score(self, nodes, scored):
        spec = {
            "metrics": {name: build(node, name).identity() for name, node in nodes.items()},
            "statistics": STATISTICS,
        }
        key = self._add("score", spec, scored, None, {"metrics": nodes, "statistics": STATISTICS})
        if self.store.find(key) is None:
            with self.store.begin(key, "score") as attempt:
                job = Job(
                    self.stages[key],
                    {role: self.store.find(k) for role, k in scored.items()},
                    attempt.folder,
                    None,
                    _phase,
                    lambda done, total: None,
                )
                attempt.publish(_receipt(self.stages[key], "cpu", {"total": 0.5}, {}, None, score.run(job).details))
        return key

    def _publish(self, key, device, seconds, tokens, peak, files=None):
        if self.store.find(key) is not None:
            return
        with self.store.begin(key, self.stages[key].kind) as attempt:
            for name, content in (files or {}).items():
                if name.endswith(".jsonl"):
                    write_jsonl(attempt.folder / name, content)
                else:
                    (attempt.folder / name).write_text(json.dumps(content), encoding="utf-8")
            attempt.publish(_receipt(self.stages[key], device, seconds, tokens, peak, {}))


@contextmanager
def _phase(name):
    yield


def _output(index, right, finish):
    return {
        "id": f"row{index}",
        "prompt": "?",
        "output": "It is red." if right else "It is blue.",
        "finish": finish,
        "error": f"prompt of {index} tokens does not fit" if finish == "error" else None,
        "references": ["It is red."],
        "group": None,
        "slices": {"kind": "new" if index % 2 else "old"},
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "shots": [],
        "documents": [],
        "notes": None,
    }


def _likelihood(index, nll):
    return {
        "id": f"row{index}",
        "group": None,
        "slices": {},
        "nll": nll,
        "tokens": 4,
        "correct": 3,
        "bytes": 12,
        "nll_end": 0.1,
        "error": None,
    }


def _receipt(stage, device, seconds, tokens, peak, details):
    return Receipt(
        key=stage.key,
        kind=stage.kind,
        version=1,
        state="done",
        started="2026-11-23T00:00:00Z",
        seconds=seconds,
        cpu_seconds=1.0,
        device=device,
        devices=1,
        peak_memory_bytes=peak,
        tokens=tokens,
        environment={},
        provenance={},
        details=details,
        error=None,
    )


@pytest.fixture
def matrix(tmp_path):
    return Matrix(Store(tmp_path / "store"))
