"""DPO as stages: what is shared, what the reference is computed with, and what reaches the training."""

from __future__ import annotations

import importlib
import json
import math
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ftbench.compile.lower import Graph
from ftbench.compile.option import shipped as component
from ftbench.core.component import node
from ftbench.core.job import Job
from ftbench.core.stage import Stage
from ftbench.models.resident import Resident
from tests.compile.conftest import composer  # noqa: F401 - a fixture
from tests.methods.test_dpo import curve, dpo, over, pairs
from tests.methods.test_lora import lora
from tests.stages.jobs import prepare

FIRST = lora(learning_rate=3e-2, epochs=2.0)


def lowered(graph: Graph, method: Any, folder: Path, seed: int = 0) -> dict[str, Stage]:
    """Adds the stages of one cell; returns kind -> stage, of its own training and of what that reads."""
    model = component("model", "hf", name_or_path=str(folder))
    key = method.lower(
        graph.add, SimpleNamespace(model=model, unquantized=model, method=method, seed=seed, prepare="p" * 64)
    )
    last = graph.stages[key]
    return {"train": last, **{role: graph.stages[key] for role, key in last.inputs.items() if role != "prepare"}}


def run(stage: Stage, folder: Path, inputs: dict[str, Path]) -> Path:
    folder.mkdir(parents=True)
    job = Job(stage, inputs, folder, Resident("cpu"), lambda name: nullcontext(), lambda done, total: None)
    importlib.import_module(f"ftbench.stages.{stage.kind}").run(job)
    return folder


def run_all(stages: dict[str, Stage], folder: Path) -> dict[str, Path]:
    """Runs the starting weights, the reference and the training of one cell, each with the folders that its inputs
    name.
    """
    done = {
        "prepare": prepare(folder / "prepare", [replace(row, target=row.rejected) for row in pairs(8)], pairs(10)[8:])
    }
    for role in [role for role in ("weights", "reference", "train") if role in stages]:
        done[role] = run(stages[role], folder / role, {name: done[name] for name in stages[role].inputs})
    return done


def reference(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "reference.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("method", [dpo(), over()], ids=["fresh", "over"])
def test_08_the_first_loss_of_the_stages_is_ln_2(method: Any, chat_folder: Path, tmp_path: Path) -> None:
    done = run_all(lowered(Graph(), method, chat_folder), tmp_path)
    assert curve(done["train"])[0]["loss"] == pytest.approx(math.log(2), abs=1e-5)
    rows = reference(done["reference"])
    assert [row["id"] for row in rows] == [f"p{i}" for i in range(9)], "training pairs, then validation pairs"
    assert all(row["chosen"] < 0 and row["chosen_tokens"] > row["rejected_tokens"] for row in rows)


def test_08_the_two_references_differ_as_their_weights_do(chat_folder: Path, tmp_path: Path) -> None:
    graph = Graph()
    fresh, tuned = (
        run_all(lowered(graph, method, chat_folder), tmp_path / name)
        for name, method in (("fresh", dpo()), ("over", over()))
    )
    assert not (tmp_path / "fresh" / "weights").exists()
    gained = [
        b["rejected"] - a["rejected"]
        for a, b in zip(reference(fresh["reference"]), reference(tuned["reference"]), strict=True)
    ]
    assert min(gained) > 1, "the adapter was trained on these very answers"


def test_the_reference_is_computed_once_for_every_beta_loss_and_learning_rate(chat_folder: Path) -> None:
    graph = Graph()
    swept = [dpo(), dpo(beta=0.5), dpo(loss_type="ipo"), dpo(learning_rate=1e-4), dpo(rank=2), dpo(epochs=3.0)]
    cells = [lowered(graph, method, chat_folder, seed) for method in swept for seed in (0, 1)]
    assert len({cell["reference"].key for cell in cells}) == 1 and len({cell["train"].key for cell in cells}) == 12
    assert lowered(graph, dpo(max_tokens=64), chat_folder)["reference"].key != cells[0]["reference"].key
    assert lowered(graph, dpo(overlong="drop"), chat_folder)["reference"].key != cells[0]["reference"].key


def test_the_starting_weights_are_the_lora_cells_own_stage(chat_folder: Path) -> None:
    graph = Graph()
    alone = lowered(graph, FIRST, chat_folder)["train"]
    for method in (over(), over(beta=0.5)):
        cell = lowered(graph, method, chat_folder)
        assert cell["weights"].key == alone.key == cell["reference"].inputs["weights"]
    assert sum(stage.kind == "reference" for stage in graph.stages.values()) == 1
    other = dpo(start=node(lora(learning_rate=1e-2, epochs=2.0)))
    assert lowered(graph, other, chat_folder)["reference"].key != lowered(graph, over(), chat_folder)["reference"].key


@pytest.mark.parametrize(("first", "second"), [("lora", "dpo_over_sft"), ("qlora", "dpo_over_qlora")])
def test_what_is_typed_for_the_adapter_reaches_both_trainings(first: str, second: str, composer: Any) -> None:
    """``method.rank=8`` means the same adapter in a ``lora`` cell and in the first half of a ``dpo_over_sft`` cell."""
    from ftbench.compile.matrix import compile_matrix

    plan = compile_matrix(
        composer,
        [
            [f"method={first}", "method.rank=8"],
            [f"method={second}", "method.rank=8"],
            ["method=dpo", "method.beta=0.5"],
        ],
    ).plan
    assert plan.refusals == ()
    tuned, chained, fresh = (plan.stages[cell.stages["train"]] for cell in plan.cells)
    assert chained.inputs["weights"] == tuned.key and "weights" not in fresh.inputs
    assert chained.model == tuned.model, "both stand over the same base, in 4 bits or not"
    learned = chained.config["method"]
    assert (learned["learning_rate"], learned["start"]["learning_rate"]) == (
        5e-4,
        tuned.config["method"]["learning_rate"],
    ), "what the tiny model wants of each"


def test_a_dataset_without_preferences_refuses_dpo_before_anything_runs(composer: Any, tmp_path: Path) -> None:
    from ftbench.compile.matrix import compile_matrix

    data = tmp_path / "rows.jsonl"
    data.write_text("".join(f'{{"q": "q{n}", "a": "a{n}"}}\n' for n in range(30)), encoding="utf-8")
    words = ["dataset=files", f"dataset.train={data}", 'dataset.prompt="{q}"', 'dataset.target="{a}"']
    plan = compile_matrix(composer, [["method=dpo", *words], ["method=lora", *words]]).plan
    assert len(plan.cells) == 1 and [p["where"] for refusal in plan.refusals for p in refusal.problems] == [
        "dataset.chosen"
    ]


def test_baselines_add_the_control_beside_dpo(composer: Any) -> None:
    from ftbench.compile.matrix import compile_matrix

    plan = compile_matrix(
        composer, [["method=dpo", "matrix.baselines=auto"], ["method=lora", "matrix.baselines=auto"]]
    ).plan
    added = [(cell.choices["method"], cell.choices["context"]) for cell in plan.cells if cell.baseline]
    assert added == [("none", "zero_shot"), ("none", "few_shot"), ("sft_chosen", "zero_shot")]
    control, tuned = plan.cells[-1], plan.cells[1]
    assert control.config["method"]["learning_rate"] == tuned.config["method"]["learning_rate"]
