"""Judges in a plan: against whom, on which split, and never ranking unless asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftbench.compile.compose import Composer
from ftbench.compile.matrix import Compiled, compile_matrix


@pytest.fixture
def judge(tmp_path: Path) -> list[str]:
    (tmp_path / "replies.jsonl").write_text('{"id": "1", "output": "5"}\n', encoding="utf-8")
    return ["judge.model=recorded", f"judge.settings={{outputs: '{tmp_path / 'replies.jsonl'}'}}"]


def _plan(composer: Composer, words: list[str], *cells: list[str]) -> Compiled:
    return compile_matrix(composer, [[*words, *cell] for cell in cells], "plan")


def test_a_pairwise_judge_reads_both_cells_answers_and_not_its_own_against_its_own(
    composer: Composer, judge: list[str]
) -> None:
    words = [
        *judge,
        "metrics=[rougeL,judge_pairwise,judge_correctness]",
        "judge.against={method: none, context: zero_shot}",
    ]
    plan = _plan(composer, words, ["method=lora"], ["method=none"]).plan  # the baseline comes last
    tuned, base = (cell.stages for cell in plan.cells)
    stage = plan.stages[tuned["judge.judge_pairwise.test"]]
    assert (
        stage.inputs["generate"] == tuned["generate.test"]
        and stage.inputs["against"] == base["generate.test"]
        and stage.model is None
    )
    assert (
        "judge.judge_pairwise.test" not in base
        and base["judge.judge_correctness.test"] != tuned["judge.judge_correctness.test"]
    )
    assert plan.stages[tuned["score.test"]].inputs["judge.judge_pairwise"] == stage.key
    assert not any(role.startswith("judge.") and role.endswith(".validation") for role in tuned)
    order = list(plan.stages)
    assert all(
        order.index(key) > order.index(earlier) for key, one in plan.stages.items() for earlier in one.inputs.values()
    )


def test_an_untouched_judge_judges_again_only_what_changed(composer: Composer, judge: list[str]) -> None:
    words = [*judge, "metrics=[rougeL,judge_correctness]"]
    one, more = (
        _plan(composer, [*words, *extra], ["method=none"]).plan.cells[0].stages
        for extra in ([], ["statistics.resamples=500"])
    )
    assert (
        one["judge.judge_correctness.test"] == more["judge.judge_correctness.test"]
        and one["score.test"] != more["score.test"]
    )


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["judge.against={method: full}"], "is no cell of this matrix"),
        (["judge.against={method: none}"], "is 2 cells of this matrix"),
        (["judge.model=openay"], "no such model"),
        (["judge.model=recorded", "judge.settings=null"], "judge.model=recorded needs it"),
        (["metrics=[judge_correctness,rougeL]"], "should not rank"),
    ],
)
def test_a_judge_that_cannot_be_asked_or_should_not_rank_is_refused(
    composer: Composer, judge: list[str], words: list[str], why: str
) -> None:
    compiled = _plan(
        composer,
        [*judge, "metrics=[rougeL,judge_pairwise]", *words],
        ["method=none"],
        ["method=none", "context=few_shot"],
        ["method=lora"],
    )
    assert compiled.plan.refusals and any(why in problem["why"] for problem in compiled.plan.refusals[-1].problems)


def test_a_judge_ranks_and_judges_validation_where_it_is_asked_to(composer: Composer, judge: list[str]) -> None:
    (cell,) = _plan(
        composer, [*judge, "metrics=[rougeL,judge_correctness]", "primary_metric=judge_correctness"], ["method=none"]
    ).plan.cells
    assert "judge.judge_correctness.validation" in cell.stages
