"""Words of earlier versions: refused with the new one where a person types them, read where an earlier sweep holds
them.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ftbench.compile.matrix import compile_matrix
from ftbench.compile.print_plan import refusal_text
from ftbench.compile.renamed import renamed
from ftbench.core.component import build, node
from ftbench.cost.ownership import Choice
from tests.compile.conftest import composer_over  # noqa: F401 - fixture

OWN = "_target_: ftbench.metrics.exact_match.ExactMatch\nname: own\npattern: null\nnormalisation: plain\nignore: []\n"


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("model.licence=mit", "model.licence: is called otherwise now. Write model.license"),
        ("+decision.labour_usd.lora=5", "decision.labour_usd.lora: is called otherwise now. Write decision.labor_usd"),
        ("method.over=null", "method.over: is called otherwise now. Write method.start"),
    ],
)
def test_an_earlier_word_is_refused_with_the_new_one(word: str, line: str) -> None:
    assert [str(problem) for problem in renamed([word, "model=tiny"])] == [line]


def test_an_option_of_ones_own_with_an_earlier_field_is_refused_with_the_new_one(
    composer_over: Callable,
) -> None:
    plan = compile_matrix(composer_over({"metric/own.yaml": OWN}), [["model=tiny", "metrics=[own]"]], "plan").plan
    assert "metric.own.normalisation: is called otherwise now. Write normalization" in refusal_text(plan.refusals)


def test_38_a_node_of_an_earlier_sweep_is_read_and_its_key_is_what_it_was() -> None:
    earlier = {"name": "own", "pattern": None, "normalisation": "plain", "ignore": []}
    metric = build({"_target_": "ftbench.metrics.exact_match.ExactMatch", **earlier}, "metric")
    assert metric.identity() == {"_target_": "metric/exact_match", **earlier}
    assert node(metric)["normalization"] == "plain"


def test_a_choice_of_an_earlier_sweep_is_read() -> None:
    names = ("train_usd", "search_usd", "index_usd", "labelling_usd", "labour_usd")
    machine = {"machine_usd_per_hour": 2.0, "requests_per_second": None}
    assert Choice.from_dict({"name": "a", **dict.fromkeys(names, 1.0), **machine}).fixed_usd == 5.0
