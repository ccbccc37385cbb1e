"""Full DPO: the reference is what training starts from, however TRL would look for one."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from ftbench.compile.lower import Graph
from ftbench.compile.option import shipped as component
from ftbench.core.component import node
from ftbench.models.resident import Resident
from tests.methods.test_dpo import curve, pairs, trained
from tests.methods.test_dpo_stages import lowered, run_all

QUICK = {"learning_rate": 1e-3, "batch_size": 4, "warmup": 0.0, "eval_steps": 0, "epochs": 1.0}


def full(**values: object):
    return component("method", "dpo_full", **{**QUICK, **values})


FIRST = component("method", "full", **{**QUICK, "epochs": 2.0})


@pytest.mark.parametrize("method", [full(), full(start=node(FIRST))], ids=["base", "over"])
def test_08_the_first_loss_is_ln_2_of_the_weights_that_training_starts_from(
    method, chat_folder: Path, tmp_path: Path
) -> None:
    """TRL left alone reads the reference from the folder the base came from, which is wrong for weights changed in
    memory.
    """
    assert method.check() == []
    done = run_all(lowered(Graph(), method, chat_folder), tmp_path)
    points = curve(done["train"])
    assert points[0]["loss"] == pytest.approx(math.log(2), abs=1e-5) and points[-1]["loss"] < points[0]["loss"]
    assert (done["train"] / "model" / "config.json").is_file()


def test_the_same_seed_gives_the_same_bytes(chat_folder: Path, tmp_path: Path) -> None:
    model = component("model", "hf", name_or_path=str(chat_folder))
    for name in ("a", "b"):
        trained(full(), Resident("cpu").get(model), tmp_path / name, pairs(8), seed=1)
    a, b = ((tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("a", "b"))
    assert a == b != (chat_folder / "model.safetensors").read_bytes()


def test_an_adapter_is_no_start_for_whole_weights() -> None:
    wrong = full(start=node(component("method", "lora")))
    assert [problem.where for problem in wrong.check()] == ["method.start"]
    assert component("method", "dpo_full").learning_rate != component("method", "full").learning_rate
