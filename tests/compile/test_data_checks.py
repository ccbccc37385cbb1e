"""Leaks refuse every cell of their data before anything runs; dropped rows are in keys, said ones are in none; large
data waits at the gate.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ftbench.analysis.data_checks import check_lines
from ftbench.analysis.expectation import expectations
from ftbench.compile.compose import Composer
from ftbench.compile.matrix import Compiled, compile_matrix
from ftbench.core.example import Example, Splits
from ftbench.core.files import read_jsonl
from ftbench.core.plan import Plan
from ftbench.data.inspection import inspect
from ftbench.data.inspection.rows import prompt_text
from ftbench.execution.executors.local import LocalExecutor
from ftbench.store.store import Store
from ftbench.sweep.run_matrix import run_compiled
from tests.data.planted import clean, example, with_training_row
from tests.metrics.tasks import write_tasks

Words = Callable[..., list[str]]


@pytest.fixture
def words(tmp_path: Path) -> Words:
    """Returns ``words(splits, *more)``: the command line for data written to files."""

    def rows(examples: tuple[Example, ...], name: str) -> Path:
        path = tmp_path / f"{name}.jsonl"
        path.write_text(
            "".join(
                json.dumps({"id": row.id, "q": prompt_text(row), "a": row.target, "who": row.group, "day": row.time})
                + "\n"
                for row in examples
            )
        )
        return path

    def made(splits: Splits, *more: str) -> list[str]:
        files = [f"dataset.{split}={rows(splits.split(split), split)}" for split in ("train", "validation", "test")]
        documents = tmp_path / "documents.jsonl"
        documents.write_text("".join(json.dumps(document.as_dict()) + "\n" for document in splits.documents))
        fields = [
            "dataset.id=id",
            'dataset.prompt="{q}"',
            'dataset.target="{a}"',
            "dataset.group=who",
            f"dataset.documents={documents}",
            "dataset.document_text=text",
        ]
        return [
            "dataset=files",
            *files,
            *(f"++{field}" for field in fields),
            f"store.dir={tmp_path / 'store'}",
            "validation=false",
            *more,
        ]

    return made


def compiled(composer: Composer, given: list[str], *methods: str) -> Compiled:
    return compile_matrix(composer, [[*given, f"method={method}"] for method in methods or ("none",)])


def planted() -> Splits:
    splits = clean()
    return with_training_row(splits, example("planted", prompt_text(splits.test[0]).upper(), "x", group="nobody"))


def test_37_a_leak_refuses_every_cell_with_rows_files_and_a_fix(composer: Composer, words: Words) -> None:
    plan = compiled(composer, words(planted(), "context=few_shot"), "none", "lora").plan
    assert not plan.cells and not plan.stages and len(plan.refusals) == 2
    for refusal in plan.refusals:
        (problem,) = refusal.problems
        assert (
            problem["where"].startswith("train row 'planted' (")
            and problem["where"].endswith("train.jsonl:61)")
            and "test.jsonl:1)" in problem["why"]
        )
        assert "few-shot" in problem["fix"] and "data.on_leak=drop" in problem["fix"]
    (report,) = plan.settings["data_checks"]
    assert report["counts"] == {"same_row": 1} and report["on_leak"] == "refuse"


def test_37_the_clean_twin_passes(composer: Composer, words: Words) -> None:
    plan = compiled(composer, words(clean()), "none", "lora").plan
    assert len(plan.cells) == 2 and not plan.refusals and check_lines(plan.settings["data_checks"]) == []


def test_warn_says_and_changes_no_key(composer: Composer, words: Words) -> None:
    loud = compiled(composer, words(planted(), "data.on_leak=warn"), "lora").plan
    (line,) = check_lines(loud.settings["data_checks"])
    assert line.startswith("files: train row 'planted'")
    refused = compiled(composer, words(clean(), "data.on_leak=refuse"), "lora").plan
    assert set(refused.stages) == set(compiled(composer, words(clean(), "data.on_leak=warn"), "lora").plan.stages)


def test_38_drop_is_in_the_key_of_every_stage_that_reads_the_rows(composer: Composer, words: Words) -> None:
    kept, dropped = (
        compiled(composer, words(planted(), f"data.on_leak={what}"), "lora").plan for what in ("warn", "drop")
    )
    assert not set(kept.stages) & set(dropped.stages)
    (report,) = dropped.settings["data_checks"]
    assert [(row["id"], row["kind"]) for row in report["dropped"]] == [("planted", "same_row")] and report["rows"][
        "train"
    ] == 60
    assert any("dropped 1 training rows" in note for note in dropped.cells[0].notes)


def test_37_an_evaluated_example_in_an_instruction_is_refused(composer: Composer, words: Words) -> None:
    splits = clean()
    shot = prompt_text(splits.test[3]).split("Message: ")[1].replace("'", "")
    plan = compiled(
        composer, words(splits, "prompt=concise", f"++prompt.instruction='Be kind. For example: {shot}'")
    ).plan
    (problem,) = plan.refusals[0].problems
    assert problem["where"] == "prompt.instruction" and repr(splits.test[3].id) in problem["why"]
    assert compiled(composer, words(splits, "prompt=concise", "++prompt.instruction='Be kind.'")).plan.cells


def test_37_training_rows_are_looked_through_for_questions_of_lm_eval_tasks(
    composer: Composer, words: Words, tmp_path: Path
) -> None:
    pytest.importorskip("lm_eval")
    asked = [
        {"q": f"How many legs has the {name} beetle of the northern hills?", "c": ["four", "six"], "a": 1}
        for name in ("golden", "silver", "copper")
    ]
    task = ["harness.tasks=[colours]", f"harness.include_path={write_tasks(tmp_path / 'tasks', asked * 3)}"]
    assert compiled(composer, words(clean(), *task)).plan.cells
    leaking = with_training_row(
        clean(),
        example("planted", "Quiz: how many legs has the SILVER beetle of the northern hills?", "six", group="nobody"),
    )
    (refusal,) = compiled(composer, words(leaking, *task)).plan.refusals
    assert (
        refusal.problems[0]["where"].startswith("train row 'planted'")
        and "benchmark colours" in refusal.problems[0]["why"]
    )


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("data.on_leak=ignore", "data.on_leak"),
        ("data.similarity=0.1", "data.similarity"),
        ("data.similarity=much", "data.similarity"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(word: str, place: str, composer: Composer, words: Words) -> None:
    (refusal,) = compiled(composer, words(clean(), word)).plan.refusals
    assert refusal.problems[0]["where"] == place


@pytest.mark.slow
def test_37_data_too_large_for_a_plan_is_checked_before_anything_is_trained(
    composer: Composer, words: Words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(inspect, "PLAN_ROWS", 10)
    first = compiled(composer, words(planted()), "none", "lora")
    assert len(first.plan.cells) == 2 and first.plan.settings["data_checks"][0]["pending"]
    result = run_compiled(first, tmp_path / "sweep", executor=LocalExecutor(1), threads=1)
    assert len(result.broken) == 2
    store = Store(tmp_path / "store")
    assert {stage.kind for key, stage in first.plan.stages.items() if store.find(key)} == {"prepare", "check"}
    refusals = Plan.read(tmp_path / "sweep" / "plan.json").refusals
    assert [problem["where"] for refusal in refusals for problem in refusal.problems] == ["train row 'planted'"] * 2
    told = capsys.readouterr().err
    assert "too much to look at while planning" in told and "'planted'" in told
    results = json.loads((tmp_path / "sweep" / "results.json").read_text(encoding="utf-8"))
    assert results["data_checks"][0]["counts"] == {"same_row": 1} and {cell["status"] for cell in results["cells"]} == {
        "refused"
    }
    again = compiled(composer, words(planted()), "lora")
    assert not again.plan.cells and "'planted'" in again.plan.refusals[0].problems[0]["where"], (
        "a plan reads what the finished stage found"
    )


@pytest.mark.slow
def test_dropped_rows_are_listed_and_not_trained_on(composer: Composer, words: Words, tmp_path: Path) -> None:
    splits = planted()
    few = replace(splits, train=splits.train[-8:], test=splits.test[:4], validation=splits.validation[:2])
    small = (
        "++method.max_steps=1",
        "decoding.max_new_tokens=4",
        "decoding.latency_requests=1",
        "metrics=[rougeL]",
        "data.on_leak=drop",
    )
    plan = compiled(composer, words(few, *small), "lora")
    result = run_compiled(plan, tmp_path / "sweep", executor=LocalExecutor(1), threads=1)
    assert not result.broken, result.message
    store, (cell,) = Store(tmp_path / "store"), plan.plan.cells
    prepared, trained = store.find(cell.stages["prepare"]), store.find(cell.stages["train"])
    assert [row["id"] for row in read_jsonl(prepared / "dropped.jsonl")] == ["planted"]
    assert (
        "planted" not in {row["id"] for row in read_jsonl(prepared / "train.jsonl")}
        and json.loads((trained / "rows.json").read_text())["trained"] == 7
    )
    (report,) = json.loads((tmp_path / "sweep" / "results.json").read_text(encoding="utf-8"))["data_checks"]
    assert [row["id"] for row in report["dropped"]] == ["planted"] and report["rows"]["train"] == 7
    (tokens,) = report["tokens"]
    assert tokens["model"] == "tiny" and tokens["lengths"]["train"]["row"]["n"] == 7
    assert any("decoding.max_new_tokens=4" in sentence for sentence in tokens["cut"])


def test_25_what_can_be_shown_counts_all_cells_that_will_be_ranked_together(composer: Composer, words: Words) -> None:
    given = words(clean())
    sizes = [
        [*given, f"method={method}", f"++dataset.limit.train={limit}"]
        for method in ("none", "lora")
        for limit in (20, 40)
    ]
    (sentence,) = expectations(compile_matrix(composer, sizes).plan)
    assert "6 comparisons" in sentence
    other = [*given, "method=none", "++dataset.limit.test=20"]
    assert (
        len(
            expectations(
                compile_matrix(
                    composer, [*sizes, other, [*other[:-1], "++dataset.limit.test=20", "context=few_shot"]]
                ).plan
            )
        )
        == 2
    )
