"""How long the report's first page takes over a large sweep, and how large the file to send gets.

    OMP_NUM_THREADS=1 python -m benchmarks.report [--cells 100] [--examples 1000] [--runs 5]

Makes a finished sweep of synthetic answers (a few hundred characters each), then prints the CPU seconds (minimum of the
runs) of the first page: its numbers and its HTML, and the whole Streamlit script where Streamlit is installed; of the
same page by another metric, which is compared anew; and of one page of outputs. Last the HTML file of 50 cells and 200
examples: seconds and bytes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ftbench.analysis.rows import CellOutcome
from ftbench.core.cell import Cell
from ftbench.core.component import build
from ftbench.core.files import write_jsonl
from ftbench.core.plan import Plan
from ftbench.core.receipt import Receipt
from ftbench.core.shipped import CONF, REPORTS
from ftbench.core.stage import Stage
from ftbench.report.draw import decision as pieces
from ftbench.report.draw.outputs import example
from ftbench.report.draw.scatter import chart
from ftbench.report.send.page import html
from ftbench.report.view import outputs
from ftbench.report.view.decision import decisions
from ftbench.report.view.sweep import open_sweep
from ftbench.report.view.table import table
from ftbench.report.write import write_results
from ftbench.stats.sufficient_statistics import Sufficient
from ftbench.store.store import Store

METRICS = ("rougeL", "exact_match")
STATISTICS = {"confidence": 0.95, "resamples": 2000, "seed": 0}
WORDS = (
    "the",
    "order",
    "was",
    "sent",
    "on",
    "Monday",
    "and",
    "arrives",
    "within",
    "three",
    "days",
    "please",
    "contact",
    "support",
    "if",
    "it",
    "does",
    "not",
    "show",
    "up",
)


def synthetic(folder: Path, cells: int, examples: int) -> Path:
    """Writes a finished sweep into ``folder`` and returns its own folder."""
    store, rng = Store(folder / "store"), np.random.default_rng(0)
    words = random.Random(0)
    nodes = {name: yaml.safe_load((CONF / "metric" / f"{name}.yaml").read_text(encoding="utf-8")) for name in METRICS}
    for node in nodes.values():
        node.update({key: None for key in node if key == "pattern"})
    machine = yaml.safe_load((CONF / "hardware" / "cpu.yaml").read_text(encoding="utf-8"))
    stages: dict[str, Stage] = {}

    def text(count: int) -> str:
        return " ".join(words.choices(WORDS, k=count))

    def publish(stage: Stage, seconds: dict[str, float], tokens: dict[str, int], write: Callable[[Path], Any]) -> str:
        stages[stage.key] = stage
        with store.begin(stage.key, stage.kind) as attempt:
            write(attempt.folder)
            attempt.publish(
                Receipt(
                    stage.key,
                    stage.kind,
                    1,
                    "done",
                    "2026-01-01T00:00:00Z",
                    seconds,
                    1.0,
                    "cpu",
                    1,
                    10**8,
                    tokens,
                    {},
                    {},
                    {},
                    None,
                )
            )
        return stage.key

    ids = tuple(f"test-{number:05d}" for number in range(examples))
    groups = tuple(f"group-{number // 4}" for number in range(examples))
    slices = tuple({"kind": ("new", "known", "changed")[number % 3]} for number in range(examples))
    references = [text(40) for _ in ids]
    prepare = publish(
        Stage("prepare", {"dataset": "synthetic"}, {}, {}),
        {"total": 1.0},
        {},
        lambda place: (place / "summary.json").write_text('{"notes": [], "counts": {}}'),
    )
    found = []
    for number in range(cells):
        good = rng.random(examples) < 0.3 + 0.6 * number / cells
        rows = [
            {
                "id": one,
                "prompt": f"Question {one}",
                "output": reference if right else text(40),
                "finish": "stop",
                "error": None,
                "references": [reference],
                "group": group,
                "slices": own,
                "prompt_tokens": 60,
                "completion_tokens": 50,
                "shots": [],
                "documents": [],
                "notes": None,
            }
            for one, reference, right, group, own in zip(ids, references, good, groups, slices, strict=True)
        ]

        def generated(place: Path, rows: list[dict[str, Any]] = rows, pace: float = 1.0 + number % 17) -> None:
            write_jsonl(place / "outputs.jsonl", rows)
            (place / "timings.json").write_text(
                json.dumps(
                    {
                        "batch_seconds": pace,
                        "requests": examples,
                        "completion_tokens": 50 * examples,
                        "latency_seconds": [0.1, 0.2],
                    }
                )
            )

        seconds = {"total": 3.0 + number % 17, "load": 2.0, "work": 1.0 + number % 17}
        generate = publish(
            Stage("generate", {"cell": number, "split": "test"}, {"prepare": prepare}, {}, "base"),
            seconds,
            {"prompt": 60 * examples, "completion": 50 * examples},
            generated,
        )
        sample = Sufficient(
            ids,
            groups,
            slices,
            {"exact_match": good[:, None].astype(float), "rougeL": (good * 0.5 + rng.random(examples) * 0.5)[:, None]},
        )
        scores = {name: _score(build(nodes[name], name), sample.metrics[name]) for name in METRICS}

        def scored(place: Path, sample: Sufficient = sample, scores: dict[str, Any] = scores) -> None:
            sample.write(place)
            (place / "scores.json").write_text(json.dumps(scores))

        score = publish(
            Stage(
                "score",
                {"metrics": sorted(METRICS), "statistics": STATISTICS},
                {"generate": generate},
                {"metrics": nodes, "statistics": STATISTICS},
            ),
            {"total": 1.0},
            {},
            scored,
        )
        choices = {
            "model": f"model{number % 5}",
            "method": ("none", "lora", "full", "qlora")[number % 4],
            "context": ("zero_shot", "rag")[number % 2],
            "artifact": "adapter",
            "dataset": "synthetic",
            "decoding": "greedy",
            "hardware": "cpu",
        }
        config = {"seed": 0, "hardware": machine, "method": {"number": number}}
        found.append(
            Cell(
                f"{number:010x}",
                f"model{number % 5} method{number % 20} variant{number}",
                choices,
                (),
                config,
                {"prepare": prepare, "generate.test": generate, "score.test": score},
            )
        )
    settings = {
        "metrics": list(METRICS),
        "primary_metric": "rougeL",
        "statistics": STATISTICS,
        "decision": {"family": "best", "margin": None, "power": 0.8, "assumed_sd": None, "assumed_icc": 0.3},
    }
    plan = Plan(tuple(found), stages, (), str(store.path), settings)
    plan.write(folder / "sweep")
    write_results(plan, {cell.id: CellOutcome("done", None) for cell in found}, folder / "sweep")
    return folder / "sweep"


def _score(metric: Any, values: np.ndarray) -> dict[str, Any]:
    value, width = float(values.mean()), 2 * float(values.std()) / len(values) ** 0.5
    return {
        "value": value,
        "low": value - width,
        "high": value + width,
        "n": len(values),
        "failed": 0,
        "signature": metric.signature(),
        "interval": "normal",
        "higher_is_better": True,
        "comparable_across_tokenizers": True,
        "slices": {},
    }


def first_page(folder: Path) -> int:
    """Makes the first page from the files on disk and returns its characters."""
    (one,) = decisions(table([open_sweep(folder)]))
    return len(pieces.verdict(one) + chart(one) + pieces.ranking(one))


def script(folder: Path) -> None:
    """Runs the whole Streamlit script of the first page, without a browser."""
    from streamlit.testing.v1 import AppTest

    sys.argv = [
        "app.py",
        json.dumps({"trusted": True, "sweeps": [{"folder": str(folder), "name": "synthetic", "store": None}]}),
    ]
    ran = AppTest.from_file(str(REPORTS / "app.py"), default_timeout=120).run()
    if ran.exception:
        raise RuntimeError(ran.exception[0].message)


def one_page_of_outputs(folder: Path) -> int:
    """Orders all examples by the gain of one cell over another and draws ten."""
    ranked = table([open_sweep(folder)])
    cells = [next(iter(ranked.rows)), list(ranked.rows)[-1]]
    scores = outputs.index(ranked, cells)
    shown = outputs.examples(ranked, cells, [scores.ids[place] for place in scores.ordered("gain")[:10]])
    return sum(len(example(one, ranked.labels, against="reference")) for one in shown)


def seconds(work: Callable[[], Any], runs: int) -> float:
    """Returns the least CPU seconds of several runs after one that warms up."""
    work()
    found = []
    for _ in range(runs):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = synthetic(Path(place), words.cells, words.examples)
        print(f"{words.cells} cells x {words.examples} examples; CPU seconds, warm, minimum of {words.runs}")
        print(f"first page, numbers and HTML: {seconds(lambda: first_page(folder), words.runs):.2f}")
        if importlib.util.find_spec("streamlit"):
            print(f"first page, the Streamlit script: {seconds(lambda: script(folder), words.runs):.2f}")
        print(
            "the table by another metric, compared anew:"
            f" {seconds(lambda: table([open_sweep(folder)], 'exact_match'), words.runs):.2f}"
        )
        print(f"one page of outputs, ordered by gain: {seconds(lambda: one_page_of_outputs(folder), words.runs):.2f}")
    with tempfile.TemporaryDirectory() as place:
        sweep = open_sweep(synthetic(Path(place), 50, 200))
        start = time.process_time()
        text = html([sweep], 200)
        print(
            f"HTML of 50 cells x 200 examples: {time.process_time() - start:.1f} s, {len(text.encode()) / 1e6:.2f} MB,"
            f" {text.count('<article')} examples"
        )


if __name__ == "__main__":
    main()
