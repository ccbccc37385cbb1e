"""LoRA through the shared TRL call: the loss is the one it should be, the bytes repeat, the base comes back
untouched.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ftbench.compile.option import shipped as component
from ftbench.core.errors import FtbenchError
from ftbench.core.example import Example
from ftbench.core.training import TrainRun
from ftbench.methods.none import Untouched
from ftbench.methods.rows import encode_rows, ordered
from ftbench.methods.tuning import Tuning
from ftbench.models.generate import generate
from ftbench.models.likelihood import likelihoods
from tests.models.llama import ROOT, example, examples, user


def lora(**values: object) -> Tuning:
    small = {
        "rank": 4,
        "alpha": 8.0,
        "dropout": 0.1,
        "learning_rate": 1e-2,
        "epochs": 1.0,
        "batch_size": 4,
        "warmup": 0.0,
    }
    return component("method", "lora", **{**small, **values})


def trained(method: Tuning, loaded, folder: Path, seed: int = 0, rows: list[Example] | None = None) -> dict:
    folder.mkdir(parents=True, exist_ok=True)
    (result,) = method.train([TrainRun(rows or examples(12), seed, folder)], loaded)
    return result


def adapter(folder: Path) -> bytes:
    return (folder / "adapter" / "adapter_model.safetensors").read_bytes()


def expected_losses(loaded, seed: int, batch: int) -> list[float]:
    """The token-mean completion loss of each batch under the untouched base, row by row, by the likelihood code."""
    order = ordered(encode_rows(loaded.format, examples(12), None).kept, 12, seed)
    by_id = {one.id: one for one in examples(12)}
    losses = []
    for start in range(0, len(order), batch):
        encoded = [
            loaded.format.encode(by_id[row.id].turns, by_id[row.id].target) for row in order[start : start + batch]
        ]
        scores = [likelihoods(loaded, [one], 1)[0] for one in encoded]
        losses.append(sum(s.nll + s.nll_end for s in scores) / sum(s.tokens + 1 for s in scores))
    return losses


@pytest.mark.parametrize("name", ["chat", "plain"])
def test_01_07_the_loss_is_the_token_mean_over_completions_and_rows_do_not_see_each_other(
    name: str, request, tmp_path: Path
) -> None:
    """At a vanishing learning rate every step's loss is the base's own, which the likelihood code finds row by row."""
    loaded = request.getfixturevalue(name)
    result = trained(lora(learning_rate=1e-12), loaded, tmp_path)
    assert result["losses"] == pytest.approx(expected_losses(loaded, 0, 4), rel=1e-4)


def test_03_the_loss_does_not_depend_on_the_pad_id_and_the_end_token_stays_supervised(plain, tmp_path: Path) -> None:
    """Even with PAD = EOS, padding is masked by position."""
    other = trained(lora(), replace(plain, pad_id=plain.tokenizer.eos_token_id), tmp_path / "eos")
    assert other["losses"] == trained(lora(), plain, tmp_path / "own")["losses"]
    shown = json.loads((tmp_path / "eos" / "masked_example.json").read_text(encoding="utf-8"))
    assert shown["segments"][-1]["supervised"] and shown["segments"][-1]["text"].endswith("</s>")


def test_05_the_seed_decides_the_adapter_whatever_ran_before(chat, tmp_path: Path) -> None:
    trained(lora(), chat, tmp_path / "a", seed=1)
    torch.rand(7)
    trained(lora(rank=2), chat, tmp_path / "between", seed=5)
    trained(lora(), chat, tmp_path / "b", seed=1)
    assert adapter(tmp_path / "a") == adapter(tmp_path / "b")
    trained(lora(), chat, tmp_path / "c", seed=2)
    assert adapter(tmp_path / "c") != adapter(tmp_path / "a")


@pytest.mark.slow
def test_05_a_fresh_process_with_another_hash_seed_writes_the_same_bytes(
    chat, chat_folder: Path, tmp_path: Path
) -> None:
    torch.rand(3)
    trained(lora(), chat, tmp_path / "here", seed=1)
    code = (
        "from pathlib import Path\nfrom tests.methods.test_lora import lora, trained\nfrom ftbench.compile.option"
        " import shipped as component\ntrained(lora(), component('model', 'hf',"
        f" name_or_path={str(chat_folder)!r}).load('cpu'), Path({str(tmp_path / 'there')!r}), seed=1)\n"
    )
    env = {**os.environ, "PYTHONHASHSEED": "77", "OMP_NUM_THREADS": str(torch.get_num_threads())}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "" and "Warning" not in done.stderr
    here, there = (
        sorted(path for path in (tmp_path / name).rglob("*") if path.is_file()) for name in ("here", "there")
    )
    assert [path.relative_to(tmp_path / "here") for path in here] == [
        path.relative_to(tmp_path / "there") for path in there
    ]
    assert [path.read_bytes() for path in here] == [path.read_bytes() for path in there]


def test_06_gradient_accumulation_changes_nothing(chat, tmp_path: Path) -> None:
    whole = trained(lora(dropout=0.0), chat, tmp_path / "1x4")
    one = load_file(tmp_path / "1x4" / "adapter" / "adapter_model.safetensors")
    for micro, accumulation in ((2, 2), (1, 4)):
        folder = tmp_path / f"{accumulation}x{micro}"
        parts = trained(lora(dropout=0.0, batch_size=micro, gradient_accumulation=accumulation), chat, folder)
        assert parts["losses"] == pytest.approx(whole["losses"], rel=1e-4)
        other = load_file(folder / "adapter" / "adapter_model.safetensors")
        assert max((one[name] - other[name]).abs().max().item() for name in one) < 2e-4


def test_gradient_checkpointing_changes_nothing(chat, tmp_path: Path) -> None:
    plainly, saving = (trained(lora(gradient_checkpointing=on), chat, tmp_path / str(on)) for on in (False, True))
    assert saving["losses"] == pytest.approx(plainly["losses"], rel=1e-4)


def test_09_the_methods_own_learning_rate_is_the_one_used(chat, tmp_path: Path) -> None:
    trained(lora(learning_rate=3e-3, schedule="constant"), chat, tmp_path)
    curve = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [point["learning_rate"] for point in curve] == pytest.approx([3e-3] * 3)
    assert component("method", "lora").learning_rate == 2e-4


def test_training_learns_and_says_how(chat, tmp_path: Path) -> None:
    result = trained(lora(epochs=10.0, dropout=0.0), chat, tmp_path)
    assert result["losses"][-1] < 0.5 * result["losses"][0]
    curve = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [point["step"] for point in curve] == list(range(1, 31)) and curve[-1]["epoch"] == 10.0
    assert sum(point["tokens"] for point in curve) == result["tokens"]["supervised"]
    assert json.loads((tmp_path / "rows.json").read_text(encoding="utf-8")) == {
        "trained": 12,
        "truncated": 0,
        "dropped": 0,
        "unsupervised_turns": 0,
        "refused": 0,
        "refused_ids": [],
    }
    assert result["details"]["steps"] == 30 and result["details"]["loss_last"] == curve[-1]["loss"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "adapter",
        "curve.jsonl",
        "findings.json",
        "masked_example.json",
        "rows.json",
    ]


def test_max_steps_and_a_last_short_batch(chat, tmp_path: Path) -> None:
    assert trained(lora(max_steps=5), chat, tmp_path / "steps")["details"]["steps"] == 5
    assert len(trained(lora(batch_size=5), chat, tmp_path / "short")["losses"]) == 3


def test_the_base_is_untouched_and_the_adapter_answers_only_while_attached(chat, tmp_path: Path) -> None:
    requests = [chat.format.encode(one.turns) for one in examples(3)]
    decoding = component("decoding", "greedy", max_new_tokens=16)
    state = {name: value.clone() for name, value in chat.model.state_dict().items()}
    modules, before = list(chat.model.named_modules()), generate(chat, requests, decoding, 0)
    method = lora(epochs=40.0, dropout=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(method, chat, tmp_path)
        with method.attach(chat, tmp_path) as tuned:
            answers = generate(tuned, requests, decoding, 0)
    assert [answer.text for answer in answers] == [one.target for one in examples(3)]
    assert {answer.finish for answer in answers} == {"stop"}
    assert generate(chat, requests, decoding, 0) == before
    assert list(chat.model.named_modules()) == modules
    assert all(torch.equal(value, state[name]) for name, value in chat.model.state_dict().items())
    with Untouched().attach(chat, None) as same:
        assert same is chat


def test_nothing_in_the_adapter_folder_names_this_machine(chat, chat_folder: Path, tmp_path: Path) -> None:
    trained(lora(), chat, tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(path.name for path in files if path.parent.name == "adapter") == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    for path in files:
        content = path.read_bytes()
        assert (
            str(chat_folder).encode() not in content
            and str(tmp_path).encode() not in content
            and b"/tmp" not in content
        )
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] is None and config["target_modules"] == sorted(config["target_modules"])


def test_a_loss_that_is_not_finite_ends_the_run_and_names_its_rows(chat, tmp_path: Path) -> None:
    with pytest.raises(
        FtbenchError, match=r"is (nan|inf) at step \d+ \(rows r\d+, r\d+, r\d+, r\d+\). Lower method.learning_rate"
    ):
        trained(lora(learning_rate=1e22, max_grad_norm=0.0, epochs=4.0), chat, tmp_path)
    assert not chat.model.training and "forward" not in vars(chat.model)


def test_float16_on_a_cpu_is_refused_and_bfloat16_trains(chat, tmp_path: Path) -> None:
    with pytest.raises(FtbenchError, match="method.precision=float16 needs a GPU"):
        trained(lora(precision="float16"), chat, tmp_path / "half")
    mixed, full = (
        trained(lora(precision="bfloat16"), chat, tmp_path / "mixed"),
        trained(lora(), chat, tmp_path / "full"),
    )
    assert mixed["losses"] != full["losses"] and mixed["losses"] == pytest.approx(full["losses"], rel=0.02)


def test_progress_is_told_per_step(chat, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    run = TrainRun(examples(12), 0, tmp_path, progress=lambda done, total: told.append((done, total)))
    lora().train([run], chat)
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_values_out_of_range_are_refused_all_at_once() -> None:
    wrong = lora(
        rank=0,
        alpha=0.0,
        dropout=1.0,
        learning_rate=0.0,
        epochs=-1.0,
        batch_size=0,
        warmup=1.0,
        schedule="cosin",
        optimizer="adam",
        precision="int8",
        target_modules="q_proj",
    )
    found = {problem.where for problem in wrong.check()}
    names = (
        "rank",
        "alpha",
        "dropout",
        "learning_rate",
        "epochs",
        "batch_size",
        "warmup",
        "schedule",
        "optimizer",
        "precision",
        "target_modules",
    )
    assert found == {f"method.{name}" for name in names}
    assert lora(target_modules=["lm_head"]).check()[0].where == "method.target_modules"
    assert (
        lora(target_modules=["q_proj", "v_proj"]).check()
        == []
        == component("method", "lora").check()
        == Untouched().check()
    )


def test_unknown_module_names_are_one_line_with_the_fix(chat, tmp_path: Path) -> None:
    with pytest.raises(FtbenchError, match="method.target_modules=.'nope'.*all-linear"):
        trained(lora(target_modules=["nope"]), chat, tmp_path)


def test_lowering_adds_one_train_stage_that_contexts_share(chat_folder: Path) -> None:
    model = component("model", "hf", name_or_path=str(chat_folder))
    added: list[tuple] = []

    class Cell:
        prepare, seed, context = "p" * 64, 3, "whatever"

    Cell.model = model

    def add(kind: str, spec: dict, inputs: dict, config: dict, model: str | None = None) -> str:
        added.append((kind, spec, inputs, config, model))
        return "key"

    assert lora().lower(add, Cell) == "key" and Untouched().lower(add, Cell) is None
    ((kind, spec, inputs, config, base),) = added
    assert (kind, inputs) == ("train", {"prepare": "p" * 64})
    assert spec == {"model": model.identity(), "method": lora().identity(), "seed": 3}
    assert set(config) == {"model", "method", "seed"} and len(base) == 64
    assert (lora().uses_seed, Untouched().uses_seed) == (True, False)


def test_a_split_without_targets_is_refused_while_planning() -> None:
    class Splits:
        train = (example("a", "q", None),)

    assert [problem.where for problem in lora().check_data(Splits)] == ["dataset.train"]
    Splits.train = (example("a", "q", "yes"),)
    assert lora().check_data(Splits) == []


def test_the_end_of_turn_is_what_the_tuned_model_stops_on(chat) -> None:
    assert chat.format.encode(user("q"), "a").end_ids[0] in chat.stop_ids


def test_rslora_scales_by_the_root_of_the_rank_and_dora_learns_magnitudes(chat, tmp_path: Path) -> None:
    """peft's own readings of the saved adapter; both learn another function than plain LoRA from the same seed."""
    for name, values in (("plain", {}), ("rslora", {"rslora": True}), ("dora", {"dora": True})):
        trained(lora(**values), chat, tmp_path / name)
        config = json.loads((tmp_path / name / "adapter" / "adapter_config.json").read_text(encoding="utf-8"))
        assert (config["use_rslora"], config["use_dora"]) == (name == "rslora", name == "dora")
    assert len({adapter(tmp_path / name) for name in ("plain", "rslora", "dora")}) == 3
    keys = load_file(tmp_path / "dora" / "adapter" / "adapter_model.safetensors")
    assert any("magnitude" in key for key in keys)
    with lora(rslora=True).attach(chat, tmp_path / "rslora") as tuned:
        layer = tuned.model.model.layers[0].self_attn.q_proj
        assert layer.scaling["default"] == pytest.approx(8.0 / 4**0.5)
