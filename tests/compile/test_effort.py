"""Equal effort, compiled: the trials of the first round, the winners of the second, and what is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ftbench.compile.compose import Composer
from ftbench.compile.effort import Round
from ftbench.compile.matrix import Compiled, compile_matrix
from ftbench.compile.print_plan import plan_text

JOBS = [["method=none"], ["method=lora"], ["method=full"], ["method=none", "context=few_shot"]]


def compiled(composer: Composer, *words: str, jobs: list[list[str]] = JOBS, search: Round | None = None) -> Compiled:
    return compile_matrix(composer, [["model=llama2_7b", *job, *words] for job in jobs], "plan", search)


def problems(found: Compiled) -> list[str]:
    return [
        f"{problem['where']}: {problem['why']}. {problem['fix']}"
        for refusal in found.plan.refusals
        for problem in refusal.problems
    ]


def test_29_every_approach_gets_the_same_number_of_trials_and_none_is_scored_on_test(composer: Composer) -> None:
    plan = compiled(composer, "effort.trials=5").plan
    assert {search.label: (len(search.trials), search.budget) for search in plan.searches} == {
        "llama2_7b none zero_shot": (1, 5),
        "llama2_7b lora zero_shot": (5, 5),
        "llama2_7b full zero_shot": (5, 5),
        "llama2_7b none few_shot": (5, 5),
    }
    assert {role.partition(".")[2] for cell in plan.cells for role in cell.stages} == {"", "validation"}
    assert not any(stage.spec.get("split") == "test" for stage in plan.stages.values())
    first = next(cell for cell in plan.cells if cell.choices["method"] == "lora")
    assert first.stages["train"] == compiled(composer).plan.cells[1].stages["train"], (
        "the option's own values are the first trial"
    )


def test_29_what_was_chosen_is_scored_under_every_seed(composer: Composer) -> None:
    first = compiled(composer, "effort.trials=5", "effort.seeds=[3,7]").plan
    chosen = {
        search.approach: next(cell for cell in first.cells if cell.id == search.trials[-1]) for search in first.searches
    }
    second = compiled(composer, "effort.trials=5", "effort.seeds=[3,7]", search=Round(chosen=chosen))
    assert Counter(cell.approach_label for cell in second.plan.cells) == {
        "llama2_7b none zero_shot": 1,
        "llama2_7b lora zero_shot": 2,
        "llama2_7b full zero_shot": 2,
        "llama2_7b none few_shot": 2,
    }
    for cell in second.plan.cells:
        assert cell.values == chosen[cell.approach].values and "score.test" in cell.stages
    lora = [cell for cell in second.plan.cells if cell.choices["method"] == "lora"]
    assert [cell.config["seed"] for cell in lora] == [3, 7] and [cell.label.split()[-1] for cell in lora] == [
        "seed=3",
        "seed=7",
    ]
    assert second.jobs[1] == lora[0].id


def test_the_trials_of_the_winning_seed_are_not_trained_again(composer: Composer) -> None:
    first = compiled(composer, "effort.trials=3").plan
    chosen = {
        search.approach: next(cell for cell in first.cells if cell.id == search.trials[-1]) for search in first.searches
    }
    second = compiled(composer, "effort.trials=3", search=Round(chosen=chosen)).plan
    shared = set(first.stages) & set(second.stages)
    for winner in chosen.values():
        assert {key for role, key in winner.stages.items() if not role.startswith("score")} <= shared


def test_a_larger_budget_adds_to_what_was_tried(composer: Composer) -> None:
    few, more = compiled(composer, "effort.trials=3").plan, compiled(composer, "effort.trials=7").plan
    assert set(few.stages) <= set(more.stages)
    assert all(more.searches[place].trials[:3] == search.trials for place, search in enumerate(few.searches))


def test_spaces_are_centred_on_what_model_and_couple_set(composer: Composer) -> None:
    words = ("effort.trials=1", "matrix.couple=[{when: {method: full}, set: {method.learning_rate: 0.5}}]")
    found = compile_matrix(
        composer, [["model=tiny", "method=lora", *words], ["model=tiny", "method=full", *words]], "plan"
    ).plan
    assert [search.space["method.learning_rate"][0] for search in found.searches] == [2e-3, 0.5]
    assert max(found.searches[1].space["method.learning_rate"]) == 2.0


def test_prompts_of_the_matrix_are_a_dimension(composer: Composer) -> None:
    found = compiled(composer, "effort.trials=9", jobs=[["prompt=default"], ["prompt=concise"]])
    (search,) = found.plan.searches
    assert search.space == {"prompt": ["default", "concise"]} and [
        cell.choices["prompt"] for cell in found.plan.cells
    ] == ["default", "concise"]
    chosen = {search.approach: found.plan.cells[1]}
    second = compiled(
        composer, "effort.trials=9", jobs=[["prompt=default"], ["prompt=concise"]], search=Round(chosen=chosen)
    ).plan
    assert [cell.choices["prompt"] for cell in second.cells] == ["concise"]
    assert second.cells[0].config["prompt"] == found.plan.cells[1].config["prompt"]


def test_what_cannot_be_run_is_left_out_of_a_space_and_named(composer: Composer) -> None:
    found = compiled(
        composer,
        "effort.trials=30",
        "++effort.space.lora.dropout=[0.0,2.0]",
        "effort.seeds=[0]",
        jobs=[["method=lora"]],
    )
    (search,) = found.plan.searches
    assert search.size == 40 and len(search.trials) == 20 and not found.plan.refusals
    assert (
        len(search.left_out) == 20
        and "method.weights.dropout=2.0: method.dropout: 2.0 is no probability" in search.left_out[0]
    )


def test_a_users_option_brings_its_own_space(composer_over: Callable[[dict[str, str]], Composer]) -> None:
    text = (
        "defaults:\n  - /method/lora@_here_\n  - _self_\nweights:\n  rank: 2\n_search_:\n  learning_rate: null\n "
        " rank,alpha: null\n  warmup: [0.0, 0.1]\n"
    )
    (search,) = compiled(
        composer_over({"method/mine.yaml": text}), "effort.trials=9", jobs=[["method=mine"]]
    ).plan.searches
    assert search.space == {"method.warmup": [0.03, 0.0, 0.1]}


def test_unequal_and_impossible_efforts_are_refused(composer: Composer) -> None:
    swept = compiled(
        composer, "effort.trials=2", jobs=[["method=lora", "++method.rank=4"], ["method=lora", "++method.rank=8"]]
    )
    assert problems(swept) == [
        "method.weights.rank: is swept beside effort, which grants llama2_7b lora zero_shot one budget. Give the values"
        " to the search: effort.space.OPTION.weights.rank=[4,8]"
    ]
    seeds = compiled(composer, "effort.trials=2", jobs=[["method=lora", "seed=4"], ["method=lora", "seed=5"]])
    assert problems(seeds)[0].endswith("Set effort.seeds=[4,5] instead")
    both = compiled(composer, "effort.trials=2", "effort.usd=1", jobs=[["method=lora"]])
    assert problems(both)[0].startswith("effort: grants 2 trials and 1 dollars")
    assert (
        "validation: is false"
        in problems(compiled(composer, "effort.trials=2", "validation=false", jobs=[["method=lora"]]))[0]
    )
    assert (
        "Did you mean lora?"
        in problems(compiled(composer, "effort.trials=2", "++effort.space.lroa.rank=[1]", jobs=[["method=lora"]]))[0]
    )


def test_31_dollars_without_a_price_are_refused_with_the_fix(composer: Composer) -> None:
    (problem,) = problems(compiled(composer, "effort.usd=2", jobs=[["method=lora"]]))
    assert (
        problem
        == "effort.usd: hardware=cpu has no price, so dollars cannot be counted. Set hardware.usd_per_hour=..., or"
        " grant effort.trials=8"
    )
    assert not problems(compiled(composer, "effort.usd=2", "hardware=h100", jobs=[["method=lora"]]))


def test_the_plan_shows_trials_spaces_and_that_the_second_round_is_decided_later(composer: Composer) -> None:
    text = plan_text(compiled(composer, "effort.trials=4"), set())
    assert text.startswith("13 trials, ")
    assert "first round, on the validation split: 4 trials for each of 4 approaches" in text
    assert "llama2_7b lora zero_shot: 4 of 20 configurations" in text and "method.learning_rate: 0.0002, 5e-05" in text
    assert "llama2_7b none zero_shot: 1 of 1 configuration (all of its space, fewer than the 4 granted)" in text
    assert "second round, decided by the first" in text
