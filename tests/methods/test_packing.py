"""Packing changes where the rows stand, and nothing that is learned; what would let them see one another is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM, MambaConfig, MambaForCausalLM

from ftbench.compile.option import shipped as component
from ftbench.core.errors import FtbenchError
from ftbench.methods import trainer
from ftbench.methods.packing import check_apart, packed
from ftbench.methods.rows import IGNORED
from tests.methods.test_callbacks import STRANGE, Cramped, train
from tests.methods.test_lora import lora, trained
from tests.models.llama import example

UNEVEN = [example(f"r{i}", "colour? " * (1 + i % 5), "red and blue " * (1 + i % 3)) for i in range(12)]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter" / "adapter_model.safetensors")


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize(("batch", "accumulation"), [(4, 1), (2, 2), (5, 1)])
def test_07_packed_rows_learn_what_padded_ones_do(
    attention: str, batch: int, accumulation: int, chat_folder: Path, tmp_path: Path
) -> None:
    loaded = component("model", "hf", name_or_path=str(chat_folder), attention=attention).load("cpu")
    values = {"dropout": 0.0, "epochs": 3.0, "batch_size": batch, "gradient_accumulation": accumulation}
    padded, tight = (
        trained(lora(packing=packing, **values), loaded, tmp_path / str(packing), rows=UNEVEN)
        for packing in (False, True)
    )
    assert tight["losses"] == pytest.approx(padded["losses"], abs=1e-5)
    one, other = weights(tmp_path / "False"), weights(tmp_path / "True")
    assert max((one[name] - other[name]).abs().max().item() for name in one) < 1e-4
    assert (
        tight["tokens"]["padded"]
        == tight["tokens"]["non_pad"]
        == padded["tokens"]["non_pad"]
        < padded["tokens"]["padded"]
    )
    assert tight["tokens"]["supervised"] == padded["tokens"]["supervised"]


def test_07_on_published_weights_too(stories, tmp_path: Path) -> None:
    rows = [example(f"s{i}", "Once upon a time " * (1 + i % 4), "there was a dog. " * (1 + i % 3)) for i in range(12)]
    values = {"dropout": 0.0, "epochs": 2.0, "learning_rate": 1e-3}
    padded, tight = (
        trained(lora(packing=packing, **values), stories, tmp_path / str(packing), rows=rows)
        for packing in (False, True)
    )
    assert tight["losses"] == pytest.approx(padded["losses"], abs=1e-5)


def test_every_weight_learns_the_same_packed(chat_folder: Path, tmp_path: Path) -> None:
    losses = []
    for packing in (False, True):
        method = component("method", "full", packing=packing, epochs=2.0, batch_size=4, learning_rate=1e-3)
        losses.append(
            trained(
                method,
                component("model", "hf", name_or_path=str(chat_folder)).load("cpu"),
                tmp_path / str(packing),
                rows=UNEVEN,
            )["losses"]
        )
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)


def test_the_border_teaches_nothing() -> None:
    batch = {"input_ids": torch.tensor([[5, 6, 7], [8, 9, 0]]), "attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0]])}
    made = packed({**batch, "labels": torch.tensor([[5, 6, 7], [8, 9, IGNORED]])})
    assert {name: value.tolist() for name, value in made.items()} == {
        "input_ids": [[5, 6, 7, 8, 9]],
        "position_ids": [[0, 1, 2, 0, 1]],
        "labels": [[IGNORED, 6, 7, IGNORED, 9]],
    }


def test_a_packed_training_that_dies_resumes_to_the_same_bytes(chat_folder: Path, tmp_path: Path, monkeypatch) -> None:
    method = lora(packing=True, epochs=4.0, eval_steps=3, checkpoint_every=5, dropout=0.2)
    model = component("model", "hf", name_or_path=str(chat_folder))
    whole = train(method, model.load("cpu"), tmp_path / "whole", held=STRANGE, scratch=tmp_path / "unused")
    steps: list[int] = []

    def dying(*args: object) -> torch.Tensor:
        steps.append(1)
        if len(steps) == 8:
            raise KeyboardInterrupt
        return packed(*args)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trainer, "packed", dying)
        train(method, model.load("cpu"), tmp_path / "killed", held=STRANGE, scratch=tmp_path / "scratch")
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["step-5"]
    assert train(method, model.load("cpu"), tmp_path / "resumed", held=STRANGE, scratch=tmp_path / "scratch") == whole
    one, other = (tmp_path / name / "adapter" / "adapter_model.safetensors" for name in ("whole", "resumed"))
    assert one.read_bytes() == other.read_bytes()


def test_a_model_that_cannot_keep_rows_apart_is_refused_before_a_step(chat_folder: Path, tmp_path: Path) -> None:
    loaded = component("model", "hf", name_or_path=str(chat_folder)).load("cpu")
    inner = loaded.model.model.layers[0].mlp

    class Mixing(torch.nn.Module):
        """Adds to each token the one before it, whatever row that is of."""

        def forward(self, hidden: torch.Tensor) -> torch.Tensor:
            return inner(hidden) + torch.roll(hidden, 1, dims=1)

    loaded.model.model.layers[0].mlp = Mixing()
    with pytest.raises(
        FtbenchError,
        match=(
            "^method.packing=true: LlamaForCausalLM with attention sdpa lets a packed row see the one before it. Set it"
            " to false$"
        ),
    ):
        trained(lora(packing=True, target_modules=["q_proj"]), loaded, tmp_path)
    assert not (tmp_path / "curve.jsonl").exists()


def test_recurrent_models_and_unmasked_attention_are_refused() -> None:
    rows = [list(range(1, 9)), list(range(9, 20))]
    torch.manual_seed(0)
    mamba = MambaForCausalLM(
        MambaConfig(
            vocab_size=40,
            hidden_size=16,
            state_size=4,
            num_hidden_layers=1,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )
    with pytest.raises(FtbenchError, match="MambaForCausalLM .* Set it to false"):
        check_apart(mamba, rows, "cpu")
    llama = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=40,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            initializer_range=0.5,
        )
    )
    check_apart(llama, rows, "cpu")
    kept = llama.forward
    llama.forward = lambda input_ids, position_ids, use_cache: kept(
        input_ids=input_ids, use_cache=use_cache
    )  # positions that are not looked at
    with pytest.raises(FtbenchError, match="lets a packed row see the one before it"):
        check_apart(llama, rows, "cpu")


def test_memory_running_out_halves_a_packed_batch_by_its_rows(chat_folder: Path, tmp_path: Path) -> None:
    method = lora(
        packing=True, dropout=0.0, epochs=2.0, eval_steps=0, batch_size=4, target_modules=["q_proj", "v_proj"]
    )
    model = component("model", "hf", name_or_path=str(chat_folder))
    loaded = model.load("cpu")

    class Narrow(Cramped):
        def forward(self, hidden: torch.Tensor, *args: object, **kwargs: object) -> object:
            if hidden.shape[1] > 130 and torch.is_grad_enabled():
                raise torch.OutOfMemoryError("made up")
            return self.inner(hidden, *args, **kwargs)

    loaded.model.model.layers[0].mlp = Narrow(loaded.model.model.layers[0].mlp, 0, False)
    cramped = trained(method, loaded, tmp_path / "cramped")
    roomy = trained(method, model.load("cpu"), tmp_path / "roomy")
    assert cramped["details"]["rows_at_once"] < 4
    assert cramped["losses"] == pytest.approx(roomy["losses"], rel=1e-4)


def test_a_key_says_packing_only_where_it_is_on_and_pairs_refuse_it() -> None:
    assert "packing" not in lora().identity() and lora(packing=True).identity()["packing"] is True
    assert [problem.where for problem in component("method", "dpo", packing=True).check()] == ["method.packing"]
