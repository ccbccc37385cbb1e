"""A small finished sweep in a real store, with chosen answers, and people who fill in its sheets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from ftbench.cli.main import main
from ftbench.core.cell import Cell
from ftbench.core.example import Example, Turn
from ftbench.core.files import write_jsonl
from ftbench.core.job import Job
from ftbench.core.plan import Plan
from ftbench.core.receipt import Receipt
from ftbench.core.stage import Stage
from ftbench.review.key import Key, read_keys
from ftbench.stages import score
from ftbench.store.store import Store
from tests.analysis.conftest import _phase
from tests.conftest import ROOT

STATISTICS = {"confidence": 0.95, "resamples": 200, "seed": 0}
METRICS = ("exact_match", "rouge1")


@dataclass
class Sweep:
    """A sweep on disk; ``rewrite`` lets a system say something else, as a new generation does."""

    folder: Path
    store: Store
    examples: dict[str, list[Example]]
    answers: dict[str, dict[str, dict[str, str]]]
    generation: int = 0

    def write(self) -> Plan:
        cells, stages = [], {}

        def publish(
            kind: str, spec: dict, inputs: dict, files: Callable[[Path, Stage], dict], config: dict | None = None
        ) -> str:
            stage = Stage(kind, spec, inputs, config or {}, None)
            stages[stage.key] = stage
            if self.store.find(stage.key) is None:
                with self.store.begin(stage.key, kind) as attempt:
                    details = files(attempt.folder, stage)
                    attempt.publish(
                        Receipt(
                            key=stage.key,
                            kind=kind,
                            version=1,
                            state="done",
                            started="2026-11-23T00:00:00Z",
                            seconds={"total": 1.0},
                            cpu_seconds=1.0,
                            device="cpu",
                            devices=1,
                            peak_memory_bytes=None,
                            tokens={},
                            environment={},
                            provenance={},
                            details=details,
                            error=None,
                        )
                    )
            return stage.key

        def prepared(folder: Path, _: Stage) -> dict:
            for split, examples in self.examples.items():
                write_jsonl(folder / f"{split}.jsonl", (example.as_dict() for example in examples))
            return {}

        nodes = {
            name: yaml.safe_load((ROOT / "conf" / "metric" / f"{name}.yaml").read_text(encoding="utf-8"))
            for name in METRICS
        }
        nodes["exact_match"]["pattern"] = None
        prepare = publish(
            "prepare",
            {"dataset": sorted(self.examples), "n": [example.id for own in self.examples.values() for example in own]},
            {},
            prepared,
        )
        for place, (label, splits) in enumerate(self.answers.items()):
            roles = {"prepare": prepare}
            for split, texts in splits.items():
                rows = [_output(example, texts[example.id]) for example in self.examples[split]]

                def answered(folder: Path, _: Stage, rows: list[dict] = rows) -> dict:
                    write_jsonl(folder / "outputs.jsonl", rows)
                    return {}

                def scored(folder: Path, stage: Stage) -> dict:
                    own = {role: self.store.find(key) for role, key in stage.inputs.items()}
                    return score.run(Job(stage, own, folder, None, _phase, lambda done, total: None)).details

                roles[f"generate.{split}"] = publish(
                    "generate", {"label": label, "split": split, "texts": texts}, {"prepare": prepare}, answered
                )
                spec = {"metrics": list(nodes), "statistics": STATISTICS}
                roles[f"score.{split}"] = publish(
                    "score",
                    spec,
                    {"generate": roles[f"generate.{split}"]},
                    scored,
                    {"metrics": nodes, "statistics": STATISTICS},
                )
            cells.append(Cell(f"{place + 1:010x}", label, {"method": "none"}, (), {"seed": 0}, roles))
        settings = {"metrics": list(METRICS), "primary_metric": None, "statistics": STATISTICS}
        plan = Plan(tuple(cells), stages, (), str(self.store.path), settings)
        plan.write(self.folder)
        return plan

    def rewrite(self, label: str, example: str, text: str, split: str = "test") -> None:
        self.answers[label][split][example] = text
        self.write()

    @property
    def labels(self) -> list[str]:
        return list(self.answers)

    @property
    def key(self) -> Key:
        (key,) = read_keys(self.folder)
        return key

    def make(self, out: Path, *words: str) -> Path:
        assert (
            main(["review", "make", str(self.folder), "--cells", ",".join(self.labels), "--out", str(out), *words]) == 0
        )
        return out

    def take(self, *files: Path, words: tuple[str, ...] = ()) -> int:
        return main(["review", "import", *map(str, files), "--sweep", str(self.folder), *words])


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """Three systems, 24 test and 12 validation examples in pairs of groups; on every sixth example all say the same."""
    return new_sweep(tmp_path)


def new_sweep(
    folder: Path,
    n: int = 24,
    systems: tuple[str, ...] = ("base", "tuned", "other"),
    texts: Mapping[str, str] | None = None,
) -> Sweep:
    examples = {
        "test": [_example(f"exa-t{index}", index) for index in range(n)],
        "validation": [_example(f"exa-v{index}", index + 1000) for index in range(n // 2)],
    }
    answers: dict[str, dict[str, dict[str, str]]] = {}
    for place, label in enumerate(systems):
        for split, own in examples.items():
            said = {
                example.id: (
                    f"It is {'red' if index % 6 == 0 else ('red', 'blue', 'dark green')[(place + index) % 3]}, number"
                    f" {index}."
                )
                for index, example in enumerate(own)
            }
            answers.setdefault(label, {})[split] = {
                identity: (texts or {}).get(label, text) for identity, text in said.items()
            }
    made = Sweep(folder / "sweep", Store(folder / "store"), examples, answers)
    made.folder.mkdir(parents=True, exist_ok=True)
    made.write()
    return made


def rows_of(path: Path) -> list[dict[str, str]]:
    """Returns the rows of a CSV sheet."""
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


def write_rows(path: Path, rows: list[dict[str, str]], **options: str) -> Path:
    """Writes rows as somebody's spreadsheet would."""
    encoding, delimiter = options.get("encoding", "utf-8-sig"), options.get("delimiter", ",")
    with open(path, "w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def truth(key: Key, item: str, better: str) -> str:
    """Returns what a rater who prefers one system says of an item."""
    sides = [side.cells[0] for side in key.items[item].sides]
    return {0: "left", 1: "right"}[sides.index(better)] if better in sides else "tie"


def conclusions(sweep: Sweep) -> dict:
    return json.loads((sweep.folder / "review" / "conclusions.json").read_text(encoding="utf-8"))


def _example(identity: str, index: int) -> Example:
    turns = (Turn("user", f"What colour is thing {index}?"),)
    return Example(
        identity,
        turns,
        None,
        (f"It is red, number {index % 1000}.",),
        f"g{index // 2}",
        None,
        {"kind": "new" if index % 3 else "old"},
        (),
        None,
        None,
    )


def _output(example: Example, text: str) -> dict:
    return {
        "id": example.id,
        "prompt": "<secret prompt>",
        "output": text,
        "finish": "stop",
        "error": None,
        "references": list(example.references),
        "group": example.group,
        "slices": example.slices,
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "shots": [],
        "documents": [],
        "notes": None,
    }
