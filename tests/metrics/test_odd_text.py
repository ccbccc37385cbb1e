"""No metric raises on odd output, and none gives a number that is none: fuzzed over every file of conf/metric."""

from __future__ import annotations

import time

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftbench.core.component import build
from ftbench.core.shipped import CONF
from ftbench.stages.score import _whole
from ftbench.stats.failures import statistics_of

NEEDS_A_MODEL = ("bertscore", "judge_correctness", "judge_groundedness", "judge_pairwise", "judge_policy")
"""Metrics that are refused until a model is named; theirs are in tests of their own."""

ODD = (
    "",
    " ",
    "\n\n",
    "\x00\x07\x1b[2J",
    "\ud83d",
    "\udc00\ud800",
    "😀👩‍👩‍👧‍👦🏳️‍🌈",
    "שלום עולם",
    "\u202eabc\u202c",
    "...!!!???",
    "####",
    "-",
    "1e999",
    "٣٫٥",
    "a" * 3000,
    "$" * 300,
    "\ufeff",
    "ﬁ",
    "İ",
    "=1+1",
    "((((",
    "\\",
    "{{x}}",
    "None",
    "nan",
    "1,,2",
    "#### 1,200.00 dollars",
    "NULL\tNULL",
    "\u2028\u2029",
    "0" * 400,
)
texts = st.one_of(
    st.sampled_from(ODD),
    st.text(max_size=60),
    st.text(st.characters(categories=["P", "S", "Cc", "Cs", "Nd"]), max_size=40),
)
rows = st.lists(
    st.tuples(texts, st.lists(texts, max_size=4), st.sampled_from(["stop", "length", "error"])), min_size=1, max_size=4
)


def metrics(reads: str) -> list:
    found = []
    for path in sorted((CONF / "metric").glob("*.yaml")):
        node = yaml.safe_load(path.read_text(encoding="utf-8"))
        node = {
            key: None if isinstance(value, str) and value.startswith("${") else value for key, value in node.items()
        }
        if path.stem not in NEEDS_A_MODEL and (metric := build(node, path.stem)).reads == reads:
            found.append(pytest.param(metric, id=path.stem))
    return found


@pytest.mark.parametrize("metric", metrics("outputs"))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=rows)
def test_odd_answers_and_ragged_references_have_a_score(metric, drawn) -> None:
    table_rows = [
        _whole(
            {
                "id": str(i),
                "output": output,
                "references": references,
                "finish": finish,
                "notes": None,
                "group": None,
                "slices": {},
            }
        )
        for i, (output, references, finish) in enumerate(drawn)
    ]
    table, _, raised = statistics_of(metric, table_rows)
    assert raised is None, raised
    assert len(table) == len(drawn) and np.isfinite(table).all()
    value = float(metric.value(table.sum(axis=0), np.float64(len(table))))
    assert np.isnan(value) or np.isfinite(value)
    for failed in (
        row for row in table_rows if row["finish"] == "error"
    ):  # failing is never better than answering nothing
        one, empty = (metric.statistics([{**failed, **change}]) for change in ({}, {"output": "", "finish": "stop"}))
        scores = [float(metric.value(found.sum(axis=0), np.float64(1))) for found in (one, empty)]
        assert (
            np.isnan(scores).any()
            or (scores[0] <= scores[1] if metric.higher_is_better else scores[0] >= scores[1])
            or failed["references"] == []
            or not any(failed["references"])
        )


@pytest.mark.parametrize("metric", metrics("likelihood"))
def test_rows_without_a_likelihood_make_no_number(metric) -> None:
    rows = [
        {"id": "a", "nll": None, "tokens": 0, "bytes": 0, "correct": None, "error": "too long"},
        {"id": "b", "nll": 0.0, "tokens": 0, "bytes": 0, "correct": 0, "error": None},
    ]
    table, _, raised = statistics_of(metric, rows)
    assert raised is None and np.isnan(float(metric.value(table.sum(axis=0), np.float64(2))))


@pytest.mark.parametrize("metric", metrics("outputs"))
def test_a_huge_answer_does_not_hang(metric) -> None:
    huge = {
        "id": "a",
        "output": "so it goes on and on " * 1000,
        "references": ["it ends.", "it went on"],
        "finish": "length",
        "notes": None,
    }
    start = time.process_time()
    _, _, raised = statistics_of(metric, [huge])
    assert raised is None and time.process_time() - start < 10
