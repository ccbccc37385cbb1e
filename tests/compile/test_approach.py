"""Which cells are one approach."""

from __future__ import annotations

from ftbench.compile.compose import Composer
from ftbench.compile.matrix import compile_matrix
from ftbench.core.cell import AXES, OPEN
from ftbench.core.plan import Plan

BASE = "model=llama2_7b"


def plan(composer: Composer, *jobs: tuple[str, ...]) -> Plan:
    found = compile_matrix(composer, [[BASE, *job] for job in jobs], "plan").plan
    assert not found.refusals
    return found


def approaches(found: Plan) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for cell in found.cells:
        grouped.setdefault(cell.approach_label, []).append(cell.label.removeprefix(cell.approach_label).strip())
    assert len(grouped) == len({cell.approach for cell in found.cells})
    return grouped


def test_seeds_and_swept_values_are_trials_of_one_approach(composer: Composer) -> None:
    found = plan(
        composer,
        *[("method=lora", f"++method.rank={rank}", f"seed={seed}") for rank in (4, 8) for seed in (0, 1)],
        ("method=full",),
    )
    assert approaches(found) == {
        "llama2_7b lora zero_shot": ["rank=4 seed=0", "rank=4 seed=1", "rank=8 seed=0", "rank=8 seed=1"],
        "llama2_7b full zero_shot": [""],
    }
    assert [cell.values["method.weights.rank"] for cell in found.cells[:4]] == [
        4,
        4,
        8,
        8,
    ] and "method.weights.rank" not in found.cells[4].values


def test_options_make_approaches_and_presets_are_the_options_they_stand_for(composer: Composer) -> None:
    found = plan(
        composer,
        ("method=prompting",),
        ("method=none", "context=few_shot", "++context.k=8"),
        ("method=rag",),
        ("method=lora", "artifact=merged"),
        ("method=lora",),
    )
    assert approaches(found) == {
        "llama2_7b none few_shot": ["", "k=8"],
        "llama2_7b none rag": [""],
        "llama2_7b lora merged zero_shot": [""],
        "llama2_7b lora zero_shot": [""],
    }


def test_prompts_are_trials_of_one_approach(composer: Composer) -> None:
    found = plan(composer, ("prompt=default",), ("prompt=concise",), ("context=few_shot", "prompt=concise"))
    assert [len({cell.approach for cell in cells}) for cells in (found.cells[:2], found.cells)] == [1, 2]
    assert {cell.approach_label for cell in found.cells} == {"llama2_7b none zero_shot", "llama2_7b none few_shot"}
    assert [cell.values["prompt"] for cell in found.cells] == ["default", "concise", "concise"]


def test_another_model_data_set_or_machine_is_another_question_even_as_a_value(composer: Composer) -> None:
    found = plan(
        composer,
        ("++model.quantization=null",),
        ("++model.quantization=nf4",),
        ("++dataset.train=300",),
        ("hardware=h100", "++hardware.gpus=8"),
        ("hardware=h100",),
    )
    assert len({cell.approach for cell in found.cells}) == len(found.cells) == 5
    assert len({cell.approach_label for cell in found.cells}) == 5
    assert {"method", "context", "decoding"} <= set(OPEN) <= set(AXES)


def test_what_a_couple_sets_is_a_value_of_the_trial(composer: Composer) -> None:
    couple = "matrix.couple=[{when: {method.rank: 8}, set: {method.learning_rate: 1e-3}}]"
    found = plan(composer, ("method=lora", "++method.rank=4", couple), ("method=lora", "++method.rank=8", couple))
    assert len({cell.approach for cell in found.cells}) == 1
    assert [cell.values.get("method.learning_rate") for cell in found.cells] == [2e-4, 1e-3]


def test_a_price_makes_no_other_approach(composer: Composer) -> None:
    dear = plan(composer, ("hardware=h100", "++hardware.usd_per_hour=9"))
    assert dear.cells[0].approach == plan(composer, ("hardware=h100",)).cells[0].approach


def test_29_a_plan_warns_where_nothing_will_be_chosen(composer: Composer) -> None:
    """Two configurations of one approach without validation scores; seeds are none, a ceiling is no choice."""

    def notes(*jobs: tuple[str, ...]) -> list[str]:
        found = compile_matrix(composer, [["model=tiny", "dataset=toy", *job] for job in jobs], "plan").notes
        return [note for note in found if "configurations" in note]

    shots = [("method=none", "context=few_shot", f"++context.k={k}", "validation=false") for k in (2, 4)]
    (said,) = notes(*shots, ("method=none", "validation=false"))
    why = "none of its 2 configurations will be chosen, since that takes validation scores"
    assert said == f"tiny none few_shot: {why}. Set validation=true, or keep one"
    assert notes(*(job[:3] for job in shots)) == []
    assert notes(shots[0], (*shots[0], "seed=1")) == []
    bounds = [("context=oracle", f"++context.chunking.size={size}", "validation=false") for size in (64, 128)]
    assert notes(*bounds) == []


def test_44_a_cell_is_deployable_as_its_components_are(composer: Composer) -> None:
    contexts = ("zero_shot", "few_shot", "rag", "oracle")
    jobs = [["model=tiny", "dataset=toy", f"context={context}"] for context in contexts]
    found = compile_matrix(composer, jobs, "plan").plan
    told = {cell.choices["context"]: cell.deployable for cell in found.cells}
    assert told == {name: name != "oracle" for name in contexts}
    assert [note for note in found.cells[3].notes if note.startswith("context=oracle cannot be deployed")]
    assert Plan.from_dict(found.as_dict()).cells == found.cells
