"""QLoRA from the command line to the exported folder, on the tiny model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from ftbench.cli.export import main
from ftbench.core.plan import Cell, Plan
from ftbench.store.store import Store
from tests.conftest import ROOT

WORDS = (
    "method=qlora",
    "dataset.train=32",
    "dataset.validation=8",
    "dataset.test=6",
    "decoding.latency_requests=0",
    "decoding.max_new_tokens=12",
)
WORDS += ("validation=false", "++method.max_steps=3", "++method.learning_rate=1e-2", "metrics=[exact_match]")


def _run(folder: Path, *words: str) -> tuple[Plan, Path, str]:
    command = [sys.executable, "-m", "ftbench", "-m", *WORDS, *words]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sweep = next(folder.glob("multirun/*/*/plan.json")).parent
    return Plan.read(sweep / "plan.json"), sweep, done.stdout


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Path, str]:
    """A finished sweep of one training, scored as adapter and merged."""
    return _run(tmp_path_factory.mktemp("shipped"), "seed=0", "artifact=adapter,merged")


def _cell(plan: Plan, seed: int, artifact: str = "adapter") -> Cell:
    return next(cell for cell in plan.cells if cell.config["seed"] == seed and cell.choices["artifact"] == artifact)


@pytest.mark.slow
def test_00_trained_after_an_evaluation_in_the_same_worker_it_learns_what_it_learns_before_one(
    shipped: tuple[Plan, Path, str], tmp_path: Path
) -> None:
    plan, _, _ = shipped
    later, _, _ = _run(tmp_path, "seed=1,0")
    store, earlier, cell = Store(later.store), _cell(later, 1), _cell(later, 0)
    asked, trained = store.receipt(earlier.stages["generate.test"]), store.receipt(cell.stages["train"])
    assert asked.started < trained.started and trained.seconds["load"] < 0.01, (
        "the base that answered is the one that is trained over, loaded once"
    )
    details = trained.details
    assert (details["quantized_kind"], details["quantized_modules"]) == ("nf4", 21)
    assert 0.5 < details["quantized_bytes"] / details["quantized_weights"] < 0.57

    first, second = (Store(one.store).folder(_cell(one, 0).stages["train"]) for one in (plan, later))
    for name in ("curve.jsonl", "adapter/adapter_model.safetensors"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    losses = [json.loads(line)["loss"] for line in (second / "curve.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(losses) == 3 and losses[-1] < losses[0]


@pytest.mark.slow
def test_22_the_terminal_and_the_results_say_how_far_merged_weights_are_from_the_adapter(
    shipped: tuple[Plan, Path, str],
) -> None:
    plan, sweep, said = shipped
    cell = _cell(plan, 0, "merged")
    results = {one["cell_id"]: one for one in json.loads((sweep / "results.json").read_text(encoding="utf-8"))["cells"]}
    (note,) = [note for note in results[cell.id]["notes"] if note.startswith("merged weights against the adapter")]
    found = Store(plan.store).receipt(cell.stages["merge"]).details
    assert f"logits differ by {found['merged_from_adapter']['logit_difference_mean']:.2g} on average" in note
    assert (
        "the quantization error alone, of the untrained base in nf4:"
        f" {found['whole_from_quantised_base']['logit_difference_mean']:.2g}" in note
    )
    assert note in " ".join(said.split())


@pytest.mark.slow
def test_22_the_exported_adapter_answers_over_the_4_bit_base_as_it_was_scored(
    shipped: tuple[Plan, Path, str], tmp_path: Path
) -> None:
    """Loaded with plain transformers and peft, by the lines that its README gives."""
    plan, sweep, _ = shipped
    cell, out = _cell(plan, 0), tmp_path / "out"
    assert main([cell.id, "--out", str(out), "--sweep", str(sweep)]) == 0
    text = (out / "README.md").read_text(encoding="utf-8")
    assert "base in training: nf4" in text
    base = json.loads((out / "adapter_config.json").read_text(encoding="utf-8"))["base_model_name_or_path"]
    names: dict[str, object] = {}
    lines = (
        text.split("```python\n")[1]
        .split("```")[0]
        .replace("THIS_FOLDER", str(out))
        .replace('from_pretrained("FOLDER_OF_THE_BASE"', f'from_pretrained("{base}", dtype="float32"')
    )
    exec(lines, names)
    model, tokenizer = names["model"], names["tokenizer"]
    assert isinstance(model, PeftModel)
    for module in model.modules():  # the cure of this processor's repacking
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    outputs = Store(plan.store).folder(cell.stages["generate.test"]) / "outputs.jsonl"
    whole = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), out)
    assert whole.peft_config["default"].r > 0, "it stands over the base in 16 or 32 bits too"
    rows = [json.loads(line) for line in outputs.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        ids = tokenizer(
            row["prompt"],
            add_special_tokens=tokenizer.chat_template is None,
            return_tensors="pt",
            return_token_type_ids=False,
        )
        with torch.inference_mode():
            written = model.eval().generate(**ids, do_sample=False, max_new_tokens=12)[0, ids["input_ids"].shape[1] :]
        assert tokenizer.decode(written, skip_special_tokens=True) == row["output"]
