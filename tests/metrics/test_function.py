"""A user's own metric, by dotted path."""

from __future__ import annotations

import pytest

from ftbench.core.errors import FtbenchError
from ftbench.metrics.function import FunctionMetric
from ftbench.stats.failures import raised_line, statistics_of

SOURCE = """
def shout(prediction, references):
    return float(prediction.isupper())

def edits(prediction, references):
    return float(min(abs(len(prediction) - len(reference)) for reference in references))

edits.higher_is_better = False

def picky(prediction, references):
    return float(bool(prediction[1]))

def words(prediction, references):
    return "good"

def none(prediction, references):
    return None

def strict(prediction, references):
    return 1.0 / len(prediction)

strict.higher_is_better = False

def nothing(prediction, references):
    return float("nan")

def exits(prediction, references):
    raise SystemExit(3) if prediction == "x" else ValueError("y")

def lone(prediction):
    return 1.0

def loud(prediction, references):
    print("hello")
    return float(prediction in references)

def parsed(prediction, references):
    return float(__import__("json").loads(prediction) == __import__("json").loads(references[0]))
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


def test_15_what_it_raises_is_a_zero_that_is_counted_and_told_with_file_and_line(own_metrics):
    name, path = own_metrics
    rows = [{**row("ab"), "id": "a"}, {**row("x"), "id": "b"}, {**row("cd"), "id": "c"}]
    table, scored, raised = statistics_of(FunctionMetric("m", path=f"{name}.picky"), rows)
    assert table.tolist() == [[1.0], [0.0], [1.0]] and [one["finish"] for one in scored] == ["stop", "error", "stop"]
    assert (raised.error, raised.rows, raised.first) == ("IndexError", 1, "b")
    assert raised.place == f"{path}:{SOURCE.splitlines().index('    return float(bool(prediction[1]))') + 1}"
    assert "score zero and are counted as failed" in raised_line("m", raised.as_dict(), 1)


@pytest.mark.parametrize(
    ("function", "said"), [("nothing", "returned nan"), ("words", "returned 'good'"), ("none", "NoneType")]
)
def test_what_is_no_finite_number_scores_zero_at_the_place_of_the_function(own_metrics, function, said):
    name, path = own_metrics
    table, _, raised = statistics_of(FunctionMetric("m", path=f"{name}.{function}"), [{**row("x"), "id": "a"}])
    assert table.tolist() == [[0.0]] and said in raised.message
    assert raised.place == f"{path}:{SOURCE.splitlines().index(f'def {function}(prediction, references):') + 1}"


def test_where_less_is_better_and_even_the_empty_answer_raises_nothing_is_made_up(own_metrics):
    with pytest.raises(FtbenchError, match="even on an empty answer"):
        statistics_of(
            FunctionMetric("m", path=f"{own_metrics[0]}.strict"), [{**row(""), "id": "a"}, {**row("x"), "id": "b"}]
        )


def test_a_path_that_leads_nowhere_is_refused():
    for path in ("no_such_module.f", "math.no_such_function", "math.pi", "nodots"):
        (problem,) = FunctionMetric("m", path=path).check()
        assert problem.where == "metrics" and path in problem.why


def test_a_function_that_does_not_take_an_answer_and_its_references_is_refused_before_anything_is_run(own_metrics):
    (problem,) = FunctionMetric("m", path=f"{own_metrics[0]}.lone").check()
    assert "cannot be called" in problem.why and "def f(prediction, references)" in problem.fix


def test_15_answers_that_cannot_be_read_are_zeros_and_a_metric_that_reads_nothing_is_broken(own_metrics):
    rows = [{**row("no json"), "references": ["[1]"], "id": "a"}, {**row("none"), "references": ["[2]"], "id": "b"}]
    table, _, raised = statistics_of(FunctionMetric("m", path=f"{own_metrics[0]}.parsed"), rows)
    assert table.tolist() == [[0.0], [0.0]] and raised.rows == 2 and not raised.broken
    _, _, raised = statistics_of(FunctionMetric("m", path=f"{own_metrics[0]}.exits"), [{**row("x"), "id": "a"}])
    assert raised.broken and "on every answer and on the references too" in raised_line("m", raised.as_dict(), 1)
