"""lm-eval tasks in a plan: one stage per task and weights, shared by contexts; the untouched model beside everything
trained.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ftbench.compile.compose import Composer
from ftbench.compile.matrix import Compiled, compile_matrix
from tests.metrics.tasks import write_tasks


@pytest.fixture
def asked(tmp_path: Path) -> list[str]:
    return ["harness.tasks=[colours,stories]", f"harness.include_path={write_tasks(tmp_path / 'tasks')}"]


def _plan(composer: Composer, *jobs: list[str]) -> Compiled:
    return compile_matrix(composer, list(jobs), "plan")


def test_contexts_share_the_stage_of_their_weights_and_every_trained_cell_has_its_base(
    composer: Composer, asked: list[str]
) -> None:
    compiled = _plan(
        composer,
        *[
            [*asked, f"method={method}", f"context={context}"]
            for method in ("none", "lora")
            for context in ("zero_shot", "few_shot")
        ],
    )
    none, none_shots, lora, lora_shots = (cell.stages for cell in compiled.plan.cells)
    for task in ("colours", "stories"):
        assert none[f"harness.{task}"] == none_shots[f"harness.{task}"] == lora[f"harness_base.{task}"]
        assert lora[f"harness.{task}"] == lora_shots[f"harness.{task}"] != none[f"harness.{task}"]
        assert f"harness_base.{task}" not in none
    assert sum(stage.kind == "harness" for stage in compiled.plan.stages.values()) == 4


def test_the_base_is_asked_even_where_no_cell_is_untouched_and_qloras_base_is_whole(
    composer: Composer, asked: list[str]
) -> None:
    plan = _plan(
        composer,
        ["model=llama2_7b", *asked, "method=qlora"],
        ["model=llama2_7b", *asked, "method=lora", "++model.quantization=nf4"],
    ).plan
    qlora, over_nf4 = (cell.stages for cell in plan.cells)
    stage = {
        name: plan.stages[key]
        for name, key in (
            ("qlora", qlora["harness.colours"]),
            ("base", qlora["harness_base.colours"]),
            ("nf4", over_nf4["harness_base.colours"]),
        )
    }
    assert stage["qlora"].spec["model"]["quantization"] == "nf4" and stage["qlora"].inputs == {
        "weights": qlora["train"]
    }
    assert stage["base"].spec["model"]["quantization"] is None and stage["base"].inputs == {}
    assert stage["nf4"].spec["model"]["quantization"] == "nf4"


def test_another_task_asks_only_that_one(composer: Composer, asked: list[str]) -> None:
    one, two = _plan(composer, [*asked, "harness.tasks=[colours]"]).plan, _plan(composer, asked).plan
    new = [two.stages[key].kind for key in set(two.stages) - set(one.stages)]
    assert sorted(new) == ["check", "harness"], "training rows are looked through for the questions of every task"


def test_unknown_tasks_and_a_template_that_is_not_there_are_refused_while_planning(
    composer: Composer, asked: list[str], tmp_path: Path
) -> None:
    from tests.models.llama import write_llama

    (refusal,) = _plan(composer, [*asked, "harness.tasks=[colors]"]).plan.refusals
    assert refusal.problems[0]["where"] == "harness.tasks" and "Did you mean colours?" in refusal.problems[0]["fix"]
    folder = write_llama(tmp_path / "plain", chat=False)
    (refusal,) = _plan(
        composer, ["model=hf", f"model.name_or_path={folder}", *asked, "harness.apply_chat_template=true"]
    ).plan.refusals
    assert refusal.problems[0]["where"] == "harness.apply_chat_template"


def test_recorded_answers_have_no_weights_to_ask(composer: Composer, asked: list[str], tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").write_text('{"id": "test-0", "output": "x"}\n', encoding="utf-8")
    (cell,) = _plan(composer, ["model=recorded", f"model.outputs={tmp_path / 'answers.jsonl'}", *asked]).plan.cells
    assert not any(role.startswith("harness") for role in cell.stages)
    assert any(note.startswith("harness: n/a") for note in cell.notes)
