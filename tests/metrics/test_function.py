"""A user's own metric, by dotted path."""

from __future__ import annotations

import pytest

from ftbench.core.errors import FtbenchError
from ftbench.metrics.function import FunctionMetric

SOURCE = """
def shout(prediction, references):
    return float(prediction.isupper())

def edits(prediction, references):
    return float(min(abs(len(prediction) - len(reference)) for reference in references))

edits.higher_is_better = False

def broken(prediction, references):
    raise KeyError("nothing")

def nothing(prediction, references):
    return float("nan")
"""


@pytest.fixture
def own_metrics(tmp_path, monkeypatch):
    name = f"own_metrics_{tmp_path.name.replace('-', '_')}"
    path = tmp_path / f"{name}.py"
    path.write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return name, path


def row(output, finish="stop"):
    return {"output": output, "references": ["abcdef"], "finish": finish}


def test_mean_over_examples(own_metrics):
    metric = FunctionMetric("shout", path=f"{own_metrics[0]}.shout")
    assert metric.check() == []
    assert metric.corpus([row("A"), row("b"), row("C", "error")]) == pytest.approx(1 / 3)


def test_15_failing_never_pays_even_where_less_is_better(own_metrics):
    metric = FunctionMetric("edits", path=f"{own_metrics[0]}.edits")
    assert not metric.higher_is_better
    assert metric.statistics([row("abc"), row("", "error")]).tolist() == [[3.0], [6.0]]


def test_identity_follows_the_source_file(own_metrics):
    name, path = own_metrics
    before = FunctionMetric("shout", path=f"{name}.shout").identity()
    path.write_text(SOURCE + "\n# changed\n", encoding="utf-8")
    after = FunctionMetric("shout", path=f"{name}.shout").identity()
    assert before["_function_source_"] and before != after


def test_errors_name_metric_and_answer(own_metrics):
    name, _ = own_metrics
    with pytest.raises(FtbenchError, match=r"broken raised KeyError on the answer 'x'"):
        FunctionMetric("m", path=f"{name}.broken").corpus([row("x")])
    with pytest.raises(FtbenchError, match="returned nan"):
        FunctionMetric("m", path=f"{name}.nothing").corpus([row("x")])


def test_a_path_that_leads_nowhere_is_refused():
    for path in ("no_such_module.f", "math.no_such_function", "math.pi", "nodots"):
        (problem,) = FunctionMetric("m", path=path).check()
        assert problem.where == "metrics" and path in problem.why
