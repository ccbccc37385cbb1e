"""Metrics as evaluate.Metric: offline, in memory, the same number."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import yaml

from ftbench.core.component import build
from ftbench.metrics.evaluation import as_evaluate, measure

OUTPUTS = [
    {"output": "the cat sat on the mat", "references": ["the cat sat on a mat", "a cat"], "finish": "stop"},
    {"output": "", "references": ["It is red."], "finish": "stop"},
    {"output": "It is red.", "references": ["It is red."], "finish": "length"},
    {"output": "It is red.", "references": ["It is red.", "", "a\nb"], "finish": "error"},
]
FOUND = {"gold_documents": ["d"], "notes": {"retrieved": [{"document": "c"}, {"document": "d"}], "depth": 20}}
"""What a retrieving context adds to a row."""
LIKELIHOODS = [
    {"nll": 3.5, "tokens": 4, "correct": 3, "bytes": 11},
    {"nll": 0.25, "tokens": 2, "correct": 0, "bytes": 9},
]


def shipped(root):
    for path in sorted((root / "conf" / "metric").glob("*.yaml")):
        node = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "model" in node or "judge" in node:
            continue  # waits for a model to be named: tested with one, elsewhere
        if node.get("pattern"):
            node["pattern"] = None
        yield path, build(node, f"metrics.{path.stem}")


def test_every_shipped_metric_gives_its_statistics_value_through_evaluate(root, tmp_path):
    import evaluate

    names = set()
    for path, metric in shipped(root):
        rows = LIKELIHOODS if metric.reads == "likelihood" else [{**row, **FOUND} for row in OUTPUTS]
        from_statistics = float(metric.value(metric.statistics(rows).sum(axis=0), len(rows)))
        assert measure(metric, rows, tmp_path) == pytest.approx(from_statistics, abs=1e-9), path
        module = as_evaluate(metric, tmp_path / "scratch")
        assert isinstance(module, evaluate.Metric)
        assert metric.check() == [] and metric.name == path.stem
        names.add(metric.name)
    assert names >= {
        "bleu",
        "rouge1",
        "rouge2",
        "rougeL",
        "rougeLsum",
        "exact_match",
        "perplexity",
        "bits_per_byte",
        "chrf",
        "ter",
        "meteor",
        "macro_f1",
        "cap_rate",
    }


def test_the_plain_interface_of_evaluate(root, tmp_path):
    (bleu,) = [metric for path, metric in shipped(root) if path.stem == "bleu"]
    module = as_evaluate(bleu, tmp_path)
    predictions, references = (
        ["hello there general kenobi", "on our way to ankh morpork"],
        [["hello there general kenobi", "hello there !"], ["ankh morpork"]],
    )
    assert set(module.compute(predictions=predictions, references=references)) == {"bleu"}


def test_nothing_is_left_in_the_home_folder_or_the_stage(root, tmp_path):
    home, stage = tmp_path / "home", tmp_path / "stage"
    home.mkdir()
    stage.mkdir()
    script = (
        "import sys; from pathlib import Path\nfrom ftbench.metrics.exact_match import ExactMatch\nfrom"
        " ftbench.metrics.evaluation import measure\nrows = [{'output': 'a', 'references': ['a'], 'finish':"
        " 'stop'}]\nassert measure(ExactMatch('e', pattern=None, normalization='plain', ignore=[]), rows,"
        " Path(sys.argv[1])) == 1.0\n"
    )
    environment = {
        **os.environ,
        "HOME": str(home),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(root),
    }
    for name in ("HF_HOME", "XDG_CACHE_HOME"):
        environment.pop(name, None)
    subprocess.run([sys.executable, "-c", script, str(stage)], env=environment, cwd=root, check=True, timeout=120)
    assert list(stage.iterdir()) == []
    assert [path for path in home.rglob("*") if path.is_file()] == []
