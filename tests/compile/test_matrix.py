"""Cells, shared stages, couples, exclusions, baselines and refusals of a compiled matrix."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from ftbench.compile.compose import Composer
from ftbench.compile.matrix import Compiled, compile_matrix
from ftbench.compile.print_plan import plan_text, refusal_text, summary
from ftbench.core.cell import Refusal
from ftbench.core.plan import Plan

BASE = "model=llama2_7b"


def _plan(composer: Composer, *axes: str, words: tuple[str, ...] = (BASE,)) -> Compiled:
    """Compiles the product of ``a=x,y`` texts, as Hydra's sweeper would hand it over."""
    lists = [[f"{axis.partition('=')[0]}={name}" for name in axis.partition("=")[2].split(",")] for axis in axes]
    return compile_matrix(composer, [[*words, *job] for job in product(*lists)], "plan")


def _problems(compiled: Compiled) -> list[str]:
    return [
        f"{problem['where']}: {problem['why']}. {problem['fix']}"
        for refusal in compiled.plan.refusals
        for problem in refusal.problems
    ]


def test_stages_that_are_the_same_are_one_stage(composer: Composer) -> None:
    compiled = _plan(composer, "method=none,lora", "context=zero_shot,few_shot")
    kinds = [stage.kind for stage in compiled.plan.stages.values()]
    assert len(compiled.plan.cells) == 4
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "prepare": 1,
        "check": 1,
        "tokens": 1,
        "generate": 8,
        "score": 8,
        "train": 1,
    }
    trained = {cell.stages["train"] for cell in compiled.plan.cells if "train" in cell.stages}
    assert len(trained) == 1
    assert summary(compiled.plan, set()) == "4 cells, 20 stages, 0 cached"


def test_seeds_share_what_the_seed_cannot_change(composer: Composer) -> None:
    compiled = _plan(composer, "method=none,lora", "seed=0,1")
    by_label = {cell.label: cell.stages for cell in compiled.plan.cells}
    assert set(by_label) == {
        "llama2_7b none zero_shot",
        "llama2_7b lora zero_shot seed=0",
        "llama2_7b lora zero_shot seed=1",
    }
    assert compiled.jobs[0] == compiled.jobs[1], "the seed reaches nothing here: the same cell"
    drawn = _plan(composer, "context=few_shot", "seed=0,1").plan
    assert len(drawn.cells) == 2 and len({cell.stages["generate.test"] for cell in drawn.cells}) == 2


def test_same_point_typed_twice_is_one_cell(composer: Composer) -> None:
    compiled = compile_matrix(
        composer,
        [[BASE, "method=prompting"], [BASE, "method=none", "context=few_shot"], [BASE, "method=prompting"]],
        "plan",
    )
    assert len(compiled.plan.cells) == 1 and len(set(compiled.jobs)) == 1
    assert compiled.plan.cells[0].choices["method"] == "none"


def test_inputs_stand_before_their_readers_and_plan_survives_json(composer: Composer, tmp_path: Path) -> None:
    plan = _plan(composer, "method=none,lora", "context=zero_shot,few_shot").plan
    seen: set[str] = set()
    for key, stage in plan.stages.items():
        assert set(stage.inputs.values()) <= seen
        seen.add(key)
    assert Plan.read(plan.write(tmp_path)) == plan


def test_edited_plan_is_noticed(composer: Composer, tmp_path: Path) -> None:
    path = _plan(composer, "method=lora").plan.write(tmp_path)
    path.write_text(path.read_text().replace('"rank": 16', '"rank": 17'))
    with pytest.raises(ValueError, match="compile the plan again"):
        Plan.read(path)


def test_what_cannot_change_a_result_is_in_no_key(composer: Composer) -> None:
    plain = _plan(composer, "method=lora").plan
    priced = _plan(
        composer,
        "method=lora",
        words=(BASE, "hardware=h100", "hardware.usd_per_hour=99", "decoding.batch_size=3", "store.dir=elsewhere"),
    ).plan
    assert set(plain.stages) == set(priced.stages)


@pytest.mark.parametrize(
    ("word", "kinds"),
    [
        ("method.learning_rate=3e-3", {"train", "generate", "score"}),
        ("statistics.resamples=500", {"score"}),
        ("decoding.max_new_tokens=9", {"generate", "score"}),
        ("dataset.seed=5", {"prepare", "check", "tokens", "train", "generate", "score"}),
        ("seed=4", {"train", "generate", "score"}),
        ("model.dtype=float16", {"train", "generate", "score"}),
        ("data.similarity=0.9", {"check"}),
        ("data.on_leak=warn", set()),
        ("limits.failed_rows=0.1", set()),
        ("data.on_leak=drop", {"prepare", "check", "tokens", "train", "generate", "score"}),
    ],
)
def test_38_each_value_is_in_the_keys_of_what_it_changes_and_of_nothing_else(
    word: str, kinds: set[str], composer: Composer
) -> None:
    before = _plan(composer, "method=lora").plan.stages
    after = _plan(composer, "method=lora", words=(BASE, word)).plan.stages
    assert {stage.kind for key, stage in after.items() if key not in before} == kinds


def test_metric_change_rescores_and_trains_nothing(composer: Composer) -> None:
    before = _plan(composer, "method=lora").plan.stages
    after = _plan(composer, "method=lora", words=(BASE, "metrics=[exact_match,rouge1]")).plan.stages
    assert {stage.kind for key, stage in after.items() if key not in before} == {"score"}


def test_couple_sets_what_was_not_typed(composer: Composer) -> None:
    rule = "matrix.couple=[{when: {method: lora}, set: {method.rank: 2, method.learning_rate: 0.5}}]"
    typed = _plan(composer, "method=none,lora", words=(BASE, rule, "++method.rank=8"))
    nodes = {cell.choices["method"]: cell.config["method"] for cell in typed.plan.cells}
    assert nodes["lora"]["weights"]["rank"] == 8 and nodes["lora"]["learning_rate"] == 0.5
    assert "weights" not in nodes["none"]


def test_model_suggests_and_everybody_else_decides(composer_over: Callable[[dict[str, str]], Composer]) -> None:
    own = "defaults:\n  - llama2_7b\nlearning_rates:\n  sft: {adapter: 0.25}\n"
    recipe = "# @package _global_\ndefaults:\n  - override /method: lora\nmethod:\n  learning_rate: 0.125\n"
    composer = composer_over({"model/own.yaml": own, "recipes/eighth.yaml": recipe})
    couple = "matrix.couple=[{when: {model: own}, set: {method.learning_rate: 0.75}}]"
    found = []
    for words in (
        ["method=lora"],
        ["method=full"],
        ["method=lora", "++method.learning_rate=0.5"],
        ["+recipes=eighth"],
        ["method=lora", couple],
    ):
        (cell,) = compile_matrix(composer, [["model=own", *words]], "plan").plan.cells
        found.append(cell.config["method"]["learning_rate"])
    assert found == [0.25, 2e-5, 0.5, 0.125, 0.75]


def test_names_in_conditions_match_as_typed_and_as_resolved(composer: Composer) -> None:
    for name, left in (("prompting", 1), ("none", 0)):
        compiled = _plan(
            composer, "method=prompting,none", words=(BASE, "context=few_shot", f"matrix.exclude=[{{method: {name}}}]")
        )
        assert len(compiled.plan.cells) == left
        assert compiled.plan.excluded == 2 - left and compiled.jobs.count(None) == 2 - left


def test_conditions_on_values_and_lists(composer: Composer) -> None:
    compiled = _plan(
        composer,
        "method=lora",
        "method.rank=4,8,16",
        words=(BASE, "matrix.exclude=[{method: [lora, none], method.rank: [4, 8]}]"),
    )
    assert [cell.config["method"]["weights"]["rank"] for cell in compiled.plan.cells] == [16]


def test_baselines_add_the_untouched_model_zero_and_few_shot(composer: Composer) -> None:
    compiled = _plan(composer, "method=lora", "method.rank=4,8", words=(BASE, "matrix.baselines=auto"))
    added = [(cell.choices["method"], cell.choices["context"]) for cell in compiled.plan.cells if cell.baseline]
    assert added == [("none", "zero_shot"), ("none", "few_shot")]
    again = _plan(composer, "method=none,lora", words=(BASE, "matrix.baselines=auto"))
    assert [cell.baseline for cell in again.plan.cells] == [False, False, True]


def test_a_baseline_that_no_cell_is_is_said(composer: Composer) -> None:
    words = (BASE, "decision.baseline=lora")
    assert any(
        "decision.baseline=lora: no cell has this method" in note
        for note in _plan(composer, "method=none", words=words).notes
    )
    assert not any("decision.baseline" in note for note in _plan(composer, "method=none,lora", words=words).notes)


def test_baselines_see_the_data_that_couples_made(composer: Composer) -> None:
    rule = "matrix.couple=[{when: {method: lora}, set: {dataset.seed: 7}}]"
    compiled = _plan(composer, "method=lora", words=(BASE, rule, "matrix.baselines=auto"))
    assert {cell.config["dataset"]["seed"] for cell in compiled.plan.cells} == {7}


def test_all_refusals_are_told_at_once_each_with_its_fix(composer: Composer) -> None:
    compiled = compile_matrix(
        composer,
        [
            [BASE, "method=lora", "++method.rank=eight", "decoding.max_new_tokens=0"],
            [BASE, "method=lroa", "hardware.gpus=0"],
            [BASE, "metrics=[blue]", "primary_metric=blue"],
            [BASE, "dataset=files", "++dataset.train=nowhere.jsonl", "++dataset.prompt='{q}'"],
        ],
        "plan",
    )
    text = "\n".join(_problems(compiled))
    assert not compiled.plan.cells and len(compiled.plan.refusals) == 4
    for expected in (
        "method.weights.rank: Value 'eight'",
        "max_new_tokens",
        "no such method. Did you mean lora?",
        "blue: no such metric. Did you mean bleu?",
        "nowhere.jsonl",
    ):
        assert expected in text
    assert "refused (4 cells)" in plan_text(compiled, set())


def test_good_cells_stand_beside_refused_ones(composer: Composer) -> None:
    compiled = _plan(composer, "method=lora", "method.rank=0,8")
    assert len(compiled.plan.cells) == 1 and len(compiled.plan.refusals) == 1
    assert compiled.jobs == (compiled.plan.refusals[0].cell, compiled.plan.cells[0].id)
    assert "method.rank" in refusal_text(compiled.plan.refusals)


def test_the_same_thing_wrong_in_many_rows_is_said_once(composer: Composer, tmp_path: Path) -> None:
    path = tmp_path / "in: rows.jsonl"
    path.write_text('{"q": "hi", "a": ""}\n' * 12)
    words = (BASE, "dataset=files", f"++dataset.train='{path}'", "++dataset.prompt='{q}'", "++dataset.target='{a}'")
    text = " ".join(refusal_text(_plan(composer, "method=none,lora", words=words).plan.refusals).split())
    assert (
        text.count("the target is empty") == 1
        and "in: rows.jsonl:1, 2, 3, 4, 5, 6, 7, 8 and 4 more: the target" in text
    )
    assert text.count("in: llama2_7b") == 1


def test_key_that_no_option_has_is_a_misspelling(composer: Composer) -> None:
    compiled = _plan(composer, "method=none,lora", words=(BASE, "++method.rnak=8"))
    assert (
        all("Did you mean method.rank?" in problem for problem in _problems(compiled))
        and len(compiled.plan.refusals) == 2
    )


@pytest.mark.parametrize(
    "word", ["method.optimizer='${oc.env:HOME}'", "dataset.seed='${now:%S}'", "metrics=['${hydra:job.name}']"]
)
def test_values_that_differ_from_run_to_run_are_refused(word: str, composer: Composer) -> None:
    compiled = compile_matrix(composer, [[BASE, "method=lora", word]], "plan")
    assert any("differs from run to run" in problem for problem in _problems(compiled))


@pytest.mark.parametrize(
    "key",
    ["decision.months", "hardware.usd_per_hour", "++method.learning_rate", "budget.usd", "++decision.labor_usd.lora"],
)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_what_is_no_finite_number_is_refused_with_its_place(key: str, value: str, composer: Composer) -> None:
    (refusal,) = compile_matrix(composer, [[BASE, "method=lora", f"{key}={value}"]], "plan").plan.refusals
    assert [problem["where"] for problem in refusal.problems] == [key.lstrip("+")]
    assert f"{key.lstrip('+')}: {value} is no number to reckon with. Give a finite one." in " ".join(
        refusal_text([refusal]).split()
    )


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (
            "decision.requests_per_month=abc",
            (
                "decision.requests_per_month: Value 'abc' of type 'str' could not be converted to Float. Give a value"
                " of type float or null."
            ),
        ),
        (
            "decision.constraints.p95_ms=fast",
            (
                "decision.constraints.p95_ms: Value 'fast' of type 'str' could not be converted to Float. Give a value"
                " of type float or null."
            ),
        ),
        (
            "decision.months=long",
            "decision.months: Value 'long' of type 'str' could not be converted to Float. Give a value of type float.",
        ),
        (
            "++decision.labor_usd.lora=many",
            (
                "decision.labor_usd.lora: Value 'many' of type 'str' could not be converted to Float. Give a value of"
                " type dict[str, float]."
            ),
        ),
        ("++decision.labor_usd={lroa: 100}", "decision.labor_usd.lroa: is no option of any axis. Did you mean lora?"),
        ("limits.failed_rows=2", "limits.failed_rows: 2.0 is no share. Use 0 to 1; 0.5 is usual, 1 allows all."),
        ("decision.baseline=non", "decision.baseline: 'non' is no option of the method axis. Did you mean none?"),
    ],
)
def test_a_bad_setting_is_named_with_its_own_key(word: str, said: str, composer: Composer) -> None:
    assert said in " ".join(
        refusal_text(compile_matrix(composer, [["method=lora", word]], "plan").plan.refusals).split()
    )


def test_matrix_wide_values_cannot_be_swept(composer: Composer) -> None:
    compiled = _plan(composer, "primary_metric=bleu,exact_match")
    assert any(problem.startswith("primary_metric: differs between cells") for problem in _problems(compiled))


def test_20_perplexity_does_not_rank_across_tokenizers(composer: Composer) -> None:
    words = ("metrics=[perplexity,bits_per_byte]", "primary_metric=perplexity")
    compiled = _plan(composer, "model=llama2_7b,llama2_13b", words=words)
    assert len(compiled.plan.refusals) == 2 and all("bits_per_byte" in problem for problem in _problems(compiled))
    assert not _plan(composer, "model=llama2_7b", words=words).plan.refusals


def test_20_perplexity_does_not_rank_methods(composer: Composer) -> None:
    words = (BASE, "metrics=[perplexity,rougeL]", "primary_metric=perplexity")
    compiled = _plan(composer, "method=none,lora", words=words)
    assert len(compiled.plan.refusals) == 2 and all(
        "several methods are compared" in problem for problem in _problems(compiled)
    )
    beside = (BASE, "metrics=[rougeL,perplexity]")
    assert not _plan(composer, "method=none,lora", words=beside).plan.refusals
    assert not _plan(composer, "method=lora", "method.learning_rate=1e-4,2e-4", words=words).plan.refusals
    assert len(_plan(composer, "method=lora,full,qlora", words=words).plan.refusals) == 3


def test_unknown_revision_can_be_planned_and_not_run(composer: Composer) -> None:
    assert not compile_matrix(composer, [[BASE]], "plan").plan.refusals
    refused = compile_matrix(composer, [[BASE]], "run")
    assert any("model.revision" in problem for problem in _problems(refused))
    pinned = compile_matrix(composer, [[BASE, "model.revision=" + "a" * 40]], "run")
    assert not pinned.plan.refusals


def test_conditions_that_match_nothing_are_refused(composer: Composer) -> None:
    for word in (
        "matrix.exclude=[{method: lroa}]",
        "matrix.exclude=[{method.rnk: 8}]",
        "matrix.exclude=[{}]",
        "matrix.couple=[{when: {method: none}, set: {method.rank: 8}}]",
    ):
        assert compile_matrix(composer, [[BASE, word]], "plan").plan.refusals, word


def test_labels_differ_and_name_what_varies(composer: Composer) -> None:
    compiled = _plan(composer, "method=lora", "method.rank=4,8", "hardware=cpu,h100")
    labels = [cell.label for cell in compiled.plan.cells]
    assert labels[0] == "llama2_7b lora zero_shot cpu rank=4" and len(set(labels)) == 4


def test_dotted_path_is_a_metric_of_ones_own(
    composer: Composer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "my_scores.py"
    source.write_text("def length(prediction, references):\n    return float(len(prediction))\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    words = (BASE, "metrics=[my_scores.length]", "primary_metric=my_scores.length")
    first = _plan(composer, words=words).plan
    assert not first.refusals
    source.write_text(source.read_text() + "# changed\n")
    assert set(first.stages) != set(_plan(composer, words=words).plan.stages)


def test_own_method_is_one_file_and_one_yaml(
    composer_over: Callable[[dict[str, str]], Composer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "quiet_method.py").write_text(
        "from dataclasses import dataclass\nfrom ftbench.core.components.method import Method\n\n\n"
        "@dataclass(frozen=True)\nclass Quiet(Method):\n    volume: int\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    composer = composer_over({"method/quiet.yaml": "_target_: quiet_method.Quiet\nvolume: 3\n"})
    compiled = compile_matrix(composer, [[BASE, "method=quiet"]], "plan")
    assert [cell.choices["method"] for cell in compiled.plan.cells] == ["quiet"] and not compiled.plan.refusals


def test_what_is_typed_keeps_its_dots() -> None:
    problems = (
        {"where": "a", "why": "ends in a stop.", "fix": "Set a=..."},
        {"where": "b", "why": 'is no {"id": "..."}', "fix": "Look at b."},
    )
    text = refusal_text([Refusal("0123456789", "tiny", {}, (), {}, problems)])
    assert (
        "a: ends in a stop. Set a=...\n" in text and 'b: is no {"id": "..."}. Look at b.' in text and "b.." not in text
    )


def test_seeds_that_no_generator_takes_are_refused(composer: Composer) -> None:
    found = _problems(_plan(composer, "method=none", words=(BASE, "seed=-1", "statistics.seed=4294967296")))
    assert [text.partition(":")[0] for text in found] == ["seed", "statistics.seed"]
    assert _problems(_plan(composer, "method=none", words=(BASE, "seed=4294967295"))) == []
