"""lm-eval figures in the tables, with intervals, and base and tuned in one row with their paired difference."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ftbench.report.terminal import render
from ftbench.report.write import results_text, write_results
from ftbench.stats.intervals import wilson
from ftbench.stats.sufficient_statistics import Sufficient


def asked(matrix, cell, role, weights, rights, higher=True, opaque=False):
    """Publishes a harness stage with these rights and wrongs and gives it to the cell."""
    key = matrix._add("harness", {"weights": weights, "task": role.partition(".")[2]}, {}, "tiny")
    if matrix.store.find(key) is None:
        ids = tuple(f"t:{i}" for i in range(len(rights)))
        figure = {
            "value": float(np.mean(rights)),
            "aggregation": None if opaque else "mean",
            "higher_is_better": higher,
            "n": len(rights),
            "signature": "t|version:1|shots:0|lm_eval:0",
        }
        said = {"task": "t", "chat_template": None, "limit": None, "metrics": {"t/acc": figure}}
        with matrix.store.begin(key, "harness") as attempt:
            (attempt.folder / "harness.json").write_text(json.dumps(said), encoding="utf-8")
            Sufficient(
                ids,
                (None,) * len(ids),
                ({},) * len(ids),
                {} if opaque else {"t/acc": np.array(rights, dtype=float)[:, None]},
            ).write(attempt.folder)
            from tests.analysis.conftest import _receipt

            attempt.publish(_receipt(matrix.stages[key], "cpu", {"total": 1.0}, {}, None, {"notes": []}))
    cell.stages[role] = key


def results_of(matrix, tmp_path):
    results = write_results(matrix.plan(), matrix.outcomes, tmp_path / "out")
    return results, json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))


def test_figures_stand_beside_the_metrics_with_intervals_of_their_own(matrix, tmp_path) -> None:
    cell = matrix.cell("plain", 20)
    asked(matrix, cell, "harness.t", "base", [1] * 30 + [0] * 10)
    results, data = results_of(matrix, tmp_path)
    entry = data["cells"][0]["scores"]["t/acc"]
    assert data["metrics"] == ["exact_match", "rouge1", "t/acc"] and entry["value"] == 0.75 and entry["n"] == 40
    assert (entry["low"], entry["high"]) == pytest.approx(wilson(30, 40, 0.95))
    head = results_text(results).splitlines()[0].split(",")
    assert head[head.index("rouge1_high") + 1 : head.index("train_seconds")] == ["t/acc", "t/acc_low", "t/acc_high"]
    assert "t/acc" in (tmp_path / "out" / "leaderboard.md").read_text(encoding="utf-8").replace("\\", "")


@pytest.mark.parametrize(
    ("tuned", "word"), [([0] * 30 + [1] * 30, "worse"), ([1] * 55 + [0] * 5, "no"), ([1] * 60, "better")]
)
def test_forgetting_is_a_paired_difference_in_the_row_of_the_tuned_cell(matrix, tmp_path, tuned, word) -> None:
    base = [1] * 50 + [0] * 10 if word != "better" else [1] * 40 + [0] * 20
    untouched, cell, again = (
        matrix.cell("base", 20),
        matrix.cell("tuned", 30, trains=True),
        matrix.cell("tuned few_shot", 30, trains=True),
    )
    asked(matrix, untouched, "harness.t", "base", base)
    for one in (cell, again):  # two contexts over the same weights
        asked(matrix, one, "harness.t", "adapter", tuned)
        asked(matrix, one, "harness_base.t", "base", base)
    results, data = results_of(matrix, tmp_path)
    rows = {row["label"]: row["forgetting"] for row in data["cells"]}
    one = rows["tuned"]["t/acc"]
    assert rows["base"] == {} and rows["tuned few_shot"] == rows["tuned"] and one["family"] == 1
    assert one["difference"] == pytest.approx(np.mean(tuned) - np.mean(base))
    assert one["low"] <= one["difference"] <= one["high"]
    text = render(results, 140)
    assert "lm-eval before and after training" in text
    (line,) = [line for line in text.splitlines() if line.startswith("tuned few_shot") and "t/acc" in line]
    assert line.split()[-1] == word
    assert "| worse |" in (tmp_path / "out" / "leaderboard.md").read_text(encoding="utf-8") or word != "worse"


def test_25_the_interval_of_forgetting_widens_with_the_trained_weights_that_share_the_base(matrix, tmp_path) -> None:
    base, tuned = [1] * 50 + [0] * 10, [1] * 44 + [0] * 16
    widths = []
    for count in (1, 6):
        for index in range(len(matrix.cells), count):
            cell = matrix.cell(f"tuned {index}", 30, trains=True, seed=index)
            asked(
                matrix,
                cell,
                "harness.t",
                f"adapter {index}",
                list(np.random.default_rng(index).permutation(tuned)) if index else tuned,
            )
            asked(matrix, cell, "harness_base.t", "base", base)
        row = next(row for row in results_of(matrix, tmp_path)[1]["cells"] if row["label"] == "tuned 0")["forgetting"][
            "t/acc"
        ]
        assert row["family"] == count
        widths.append(row["high"] - row["low"])
    assert widths[1] > widths[0]


def test_a_figure_that_lm_eval_makes_in_its_own_way_has_no_interval(matrix, tmp_path) -> None:
    cell = matrix.cell("tuned", 30, trains=True)
    asked(matrix, cell, "harness.t", "adapter", [1, 0], opaque=True)
    asked(matrix, cell, "harness_base.t", "base", [1, 1], opaque=True)
    results, data = results_of(matrix, tmp_path)
    assert data["cells"][0]["scores"]["t/acc"]["low"] is None
    one = data["cells"][0]["forgetting"]["t/acc"]
    assert one["difference"] == -0.5 and one["low"] is None and one["verdict"] is None
    assert "n/a" in [line for line in render(results, 140).splitlines() if "t/acc" in line][-1]
