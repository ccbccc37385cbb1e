"""The artifact axis: what is shared, what is the same cell, what stands in the label."""

from __future__ import annotations

from itertools import product

from ftbench.compile.compose import Composer
from ftbench.compile.matrix import Compiled, compile_matrix
from ftbench.compile.option import shipped as component

BASE = "model=llama2_7b"


def _plan(composer: Composer, methods: str, artifacts: str, *words: str) -> Compiled:
    jobs = [
        [BASE, *words, f"method={method}", f"artifact={artifact}"]
        for method, artifact in product(methods.split(","), artifacts.split(","))
    ]
    return compile_matrix(composer, jobs, "plan")


def _cells(compiled: Compiled) -> dict[tuple[str, str], dict[str, str]]:
    return {(cell.choices["method"], cell.choices["artifact"]): cell.stages for cell in compiled.plan.cells}


def test_an_untouched_model_is_one_cell_under_every_artifact(composer: Composer) -> None:
    compiled = _plan(composer, "none,lora,full", "adapter,merged")
    assert set(_cells(compiled)) == {("none", "adapter"), ("lora", "adapter"), ("lora", "merged"), ("full", "adapter")}
    assert (
        compiled.jobs[0] == compiled.jobs[1]
        and compiled.jobs[2] != compiled.jobs[3]
        and compiled.jobs[4] == compiled.jobs[5]
    )


def test_the_adapter_is_trained_once_and_its_cell_does_not_change(composer: Composer) -> None:
    both, alone = _plan(composer, "qlora", "adapter,merged"), _plan(composer, "qlora", "adapter")
    adapter, merged = _cells(both)["qlora", "adapter"], _cells(both)["qlora", "merged"]
    assert adapter == _cells(alone)["qlora", "adapter"]
    assert adapter["train"] == merged["train"] and adapter["generate.test"] != merged["generate.test"]
    kinds = [stage.kind for stage in both.plan.stages.values()]
    assert (kinds.count("train"), kinds.count("merge"), kinds.count("generate")) == (1, 1, 4)


def test_22_merged_weights_stand_in_the_whole_base_and_are_what_is_asked(composer: Composer) -> None:
    plan = _plan(composer, "lora,qlora", "adapter,merged").plan
    cells = {(cell.choices["method"], cell.choices["artifact"]): cell for cell in plan.cells}
    for method in ("lora", "qlora"):
        stages = cells[method, "merged"].stages
        merge, ask = plan.stages[stages["merge"]], plan.stages[stages["generate.test"]]
        assert merge.inputs["weights"] == stages["train"]
        assert merge.spec["model"]["quantization"] is None and merge.config["model"]["quantization"] is None
        assert merge.config["base"] == plan.stages[stages["train"]].config["model"]
        assert ask.inputs["merged"] == merge.key and "weights" not in ask.inputs
        assert ask.config["model"]["quantization"] is None and ask.model == merge.key
    packed = plan.stages[cells["qlora", "adapter"].stages["generate.test"]]
    assert (
        packed.spec["model"]["quantization"] == "nf4"
        and packed.inputs["weights"] == cells["qlora", "adapter"].stages["train"]
    )


def test_a_base_in_4_bits_without_training_is_a_cell_of_its_own_and_shares_the_base_of_qlora(
    composer: Composer,
) -> None:
    plan = compile_matrix(
        composer,
        [[BASE, "method=none"], [BASE, "method=none", "++model.quantization=nf4"], [BASE, "method=qlora"]],
        "plan",
    ).plan
    plain, packed, tuned = (plan.stages[cell.stages["generate.test"]] for cell in plan.cells)
    assert packed.model == tuned.model != plain.model and packed.key != plain.key
    assert [cell.label for cell in plan.cells] == [
        "llama2_7b none zero_shot",
        "llama2_7b none zero_shot quantization=nf4",
        "llama2_7b qlora zero_shot",
    ]


def test_lora_over_a_base_in_4_bits_is_merged_into_the_whole_one(composer: Composer) -> None:
    plan = _plan(composer, "lora", "merged", "++model.quantization=nf4").plan
    (merge,) = (stage for stage in plan.stages.values() if stage.kind == "merge")
    assert merge.config["base"]["quantization"] == "nf4" and merge.config["model"]["quantization"] is None


def test_4_bit_weights_themselves_are_not_trained(composer: Composer) -> None:
    compiled = _plan(composer, "none,lora,full", "adapter", "++model.quantization=nf4")
    assert {cell.choices["method"] for cell in compiled.plan.cells} == {"none", "lora"}
    (refusal,) = compiled.plan.refusals
    assert refusal.problems[0]["where"] == "model.quantization" and "method=qlora" in refusal.problems[0]["fix"]


def test_dpo_over_qlora_stands_over_the_base_of_qlora(composer: Composer) -> None:
    model = component("model", "llama2_7b")
    assert (
        component("method", "dpo_over_qlora").base(model).quantization == "nf4"
        and component("method", "dpo").base(model) is model
    )


def test_labels_name_an_artifact_only_where_it_is_made(composer: Composer) -> None:
    labels = [cell.label for cell in _plan(composer, "none,lora", "adapter,merged").plan.cells]
    assert labels == ["llama2_7b none zero_shot", "llama2_7b lora zero_shot", "llama2_7b lora merged zero_shot"]
    assert [cell.label for cell in _plan(composer, "lora", "merged").plan.cells] == ["llama2_7b lora merged zero_shot"]


def test_20_a_base_and_the_same_in_4_bits_have_the_same_tokens(composer: Composer) -> None:
    words = ("metrics=[perplexity]", "primary_metric=perplexity")
    problems = [
        problem
        for refusal in _plan(composer, "none,lora,qlora", "adapter,merged", *words).plan.refusals
        for problem in refusal.problems
    ]
    assert problems and not any("tokenizers" in problem["why"] for problem in problems)
    assert not _plan(composer, "qlora", "adapter,merged", *words, "matrix.baselines=null").plan.refusals


def test_a_misspelt_artifact_is_refused_with_the_nearest(composer: Composer) -> None:
    (refusal,) = compile_matrix(composer, [[BASE, "method=lora", "artifact=merge"]], "plan").plan.refusals
    assert "Did you mean merged?" in refusal.problems[0]["fix"]
