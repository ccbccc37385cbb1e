"""Comparing later: over the examples that all cells share, by id and reference text, with the statistics of a run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ftbench.analysis.compare import compared
from ftbench.analysis.compare_entries import Entry, recorded
from ftbench.analysis.rows import Row
from ftbench.core.errors import FtbenchError
from ftbench.report.terminal import render

NODE = {
    "_target_": "ftbench.metrics.exact_match.ExactMatch",
    "name": "exact_match",
    "pattern": None,
    "normalization": "plain",
    "ignore": [],
}
STATISTICS = {"confidence": 0.95, "resamples": 300, "seed": 1}
DECISION = {"family": "best", "margin": None}


def entry(name, right, examples, node=NODE, facts=None):
    answers = {
        f"e{i}": {
            "id": f"e{i}",
            "output": "a" if i < right else "b",
            "finish": "stop",
            "references": ["a"],
            "group": None,
            "slices": {},
        }
        for i in examples
    }
    known = {
        "cell_id": name,
        "label": name,
        "dataset": "own",
        "status": "done",
        "train_seconds": None,
        "train_usd": None,
    }
    return Entry(Row({**known, **(facts or {})}, {}, {}, None, False, False, (), {}), node, answers, name)


def test_only_shared_examples_are_compared():
    results = compared(
        [entry("good", 36, range(40)), entry("bad", 6, range(10, 60))], "exact_match", STATISTICS, DECISION
    )
    assert [row.label for row in results.rows] == ["good", "bad"] and results.rows[0].scores["exact_match"]["n"] == 30
    assert results.notes == ("30 examples are in all cells, 30 are not and were left out",)
    assert [results.rank_text(row.id) for row in results.rows] == ["1", "2"]
    assert "frontier" not in render(results, 120), "a comparison has no costs to weigh"
    json.dumps(results.families[0].as_dict(), allow_nan=False)


def test_what_cannot_be_compared_is_said():
    with pytest.raises(FtbenchError, match="no example is in all"):
        compared([entry("a", 5, range(10)), entry("b", 5, range(20, 30))], "exact_match", STATISTICS, DECISION)
    with pytest.raises(FtbenchError, match="a comparison needs two"):
        compared([entry("a", 5, range(10)), entry("a", 5, range(10))], "exact_match", STATISTICS, DECISION)
    with pytest.raises(FtbenchError, match="with other settings"):
        compared(
            [entry("a", 5, range(10)), entry("b", 5, range(10), {**NODE, "normalization": "squad"})],
            "exact_match",
            STATISTICS,
            DECISION,
        )


def testrecorded_answers_are_counted_and_what_is_rough_is_said(tmp_path):
    first = entry("a", 5, range(8))
    first = replace(
        first,
        row=replace(
            first.row,
            notes=(
                "toy: says nothing about a 7B",
                "only 8 independent examples: intervals and tests over fewer than 20 are rough",
            ),
        ),
    )
    file = tmp_path / "vendor ü.jsonl"
    file.write_text(
        "".join(json.dumps({"id": f"e{i}", "output": "a"}) + "\n" for i in (0, 1, 2, 3, 90, 91)), encoding="utf-8"
    )
    results = compared([first, recorded(str(file), [first])], "exact_match", STATISTICS, DECISION)
    assert results.notes == (
        "toy: says nothing about a 7B (a)",
        "4 of 8 examples have no recorded answer (recorded vendor ü.jsonl)",
        "2 recorded answers belong to no example (recorded vendor ü.jsonl)",
        "only 8 independent examples: intervals and tests over fewer than 20 are rough",
    )
    assert results.rows[1].scores["exact_match"] | {"low": 0, "high": 0} == {
        "value": 0.5,
        "low": 0,
        "high": 0,
        "n": 8,
        "comparable_across_tokenizers": True,
    }


def test_24_where_sweeps_group_their_examples_differently_the_coarsest_groups_hold_for_all():
    one, other = entry("good", 36, range(40)), entry("bad", 6, range(40))
    grouped = replace(
        other,
        answers={
            name: {**answer, "group": str(place // 10)} for place, (name, answer) in enumerate(other.answers.items())
        },
    )
    alone = compared([one, other], "exact_match", STATISTICS, DECISION)
    both = compared([one, grouped], "exact_match", STATISTICS, DECISION)
    assert any("group their examples differently" in note for note in both.notes) and not any(
        "differently" in note for note in alone.notes
    )
    assert (both.families[0].known[0].clusters, alone.families[0].known[0].clusters) == (4, 40)
    assert [row.scores for row in both.rows] == [
        row.scores
        for row in compared(
            [grouped, replace(one, answers=dict(one.answers))], "exact_match", STATISTICS, DECISION
        ).rows
    ]


def test_an_outputs_file_that_cannot_be_read_is_named_as_it_was_typed(tmp_path):
    with pytest.raises(FtbenchError, match="^--outputs .*none.jsonl: cannot be read"):
        recorded(str(tmp_path / "none.jsonl"), [entry("a", 5, range(8))])


def test_15_a_metric_that_raises_on_everything_has_no_value(tmp_path, monkeypatch):
    (tmp_path / "raising_metric.py").write_text(
        "def score(prediction, references):\n    raise KeyError('x')\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    node = {"_target_": "ftbench.metrics.function.FunctionMetric", "name": "mine", "path": "raising_metric.score"}
    with pytest.raises(FtbenchError, match="mine is n/a for a, b"):
        compared([entry("a", 5, range(8), node), entry("b", 5, range(8), node)], "mine", STATISTICS, DECISION)
