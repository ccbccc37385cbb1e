"""The prompt axis: three instructions are three cells of the same rows; without one every key is what it was."""

from __future__ import annotations

import pytest

from ftbench.compile.matrix import compile_matrix
from ftbench.contexts.prompt import Prompt
from ftbench.core.example import Request, Turn
from tests.compile.conftest import composer, composer_over  # noqa: F401 - fixtures

SAY = Prompt("Be brief.", "system")


def test_the_instruction_stands_in_its_place_and_stays_when_a_request_is_cut():
    asked = (Turn("user", "shot"), Turn("assistant", "answer"), Turn("user", "q"))
    assert SAY.turns(asked) == (Turn("system", "Be brief."), *asked)
    assert SAY.turns((Turn("system", "You help."), Turn("user", "q"))) == (
        Turn("system", "You help.\n\nBe brief."),
        Turn("user", "q"),
    )
    assert Prompt("Be brief.", "question").turns(asked) == (*asked[:2], Turn("user", "Be brief.\n\nq"))
    assert Prompt(None, "system").turns(asked) == asked
    whole = Request("e", asked, shorter=lambda: Request("e", asked[2:]))
    assert (
        SAY.request(whole).shorter().turns == (Turn("system", "Be brief."), Turn("user", "q"))
        and SAY.request(whole).shorter().shorter is None
    )


@pytest.mark.parametrize(
    ("prompt", "told"), [(Prompt("x", "sytem"), "Did you mean system?"), (Prompt(" ", "system"), "is empty")]
)
def test_what_is_no_instruction_is_refused(prompt, told):
    assert told in str(prompt.check()[0])


def test_38_prompts_are_cells_and_only_an_instruction_is_in_a_key(composer):
    compiled = compile_matrix(
        composer, [["method=lora", f"prompt={name}"] for name in ("default", "concise", "step_by_step")], "plan"
    )
    cells = compiled.plan.cells
    assert [cell.label for cell in cells] == [
        "tiny lora zero_shot default",
        "tiny lora zero_shot concise",
        "tiny lora zero_shot step_by_step",
    ]
    assert len({cell.id for cell in cells}) == 3
    for role in ("train", "generate.test", "generate.validation"):
        specs = [compiled.plan.stages[cell.stages[role]].spec for cell in cells]
        assert "prompt" not in specs[0] and specs[1]["prompt"]["instruction"] != specs[2]["prompt"]["instruction"]
    assert len({cell.stages["prepare"] for cell in cells}) == 1
    (alone,) = compile_matrix(composer, [["method=lora"]], "plan").plan.cells
    assert alone.label == "tiny lora zero_shot" and alone.id == cells[0].id and alone.stages == cells[0].stages


def test_29_instructions_are_tries_of_one_approach(composer):
    jobs = [
        [f"context={context}", f"prompt={name}"]
        for context in ("zero_shot", "few_shot")
        for name in ("default", "concise")
    ]
    cells = compile_matrix(composer, jobs, "plan").plan.cells
    assert [cell.approach_label for cell in cells] == ["tiny none zero_shot"] * 2 + ["tiny none few_shot"] * 2
    assert cells[0].approach == cells[1].approach != cells[2].approach == cells[3].approach
    assert [cell.values["prompt"] for cell in cells] == ["default", "concise"] * 2
