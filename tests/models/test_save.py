"""Folders that ship: whatever the checkpoint carried, they are written, load again, and stop and prompt as before."""

from __future__ import annotations

from pathlib import Path

import torch

from ftbench.compile.option import shipped as component
from ftbench.models.save import save_model
from tests.models.llama import user, write_llama


def test_a_checkpoint_with_sampling_values_that_transformers_refuses_is_written(tmp_path: Path) -> None:
    generation = {"do_sample": False, "temperature": 0.6, "top_p": 0.9, "eos_token_id": [2, 7], "bos_token_id": 1}
    model = component("model", "hf", name_or_path=str(write_llama(tmp_path / "base", chat=True, generation=generation)))
    loaded = model.load("cpu")
    save_model(loaded.model, loaded, tmp_path / "out")
    again = model.with_weights(tmp_path / "out").load("cpu")
    assert loaded.model.generation_config.temperature == 0.6
    assert again.stop_ids == loaded.stop_ids and again.format.text(user("q")) == loaded.format.text(user("q"))
    assert all(torch.equal(value, again.model.state_dict()[name]) for name, value in loaded.model.state_dict().items())


def test_a_model_spoken_to_in_plain_text_ships_without_a_template(chat_folder: Path, tmp_path: Path) -> None:
    """Its tokenizer has one; a server that used it would ask what was never trained."""
    model = component("model", "hf", name_or_path=str(chat_folder), chat_template="none")
    loaded = model.load("cpu")
    save_model(loaded.model, loaded, tmp_path / "out")
    assert model.with_weights(tmp_path / "out").load("cpu").format.template is None
    model.save_tokenizer(tmp_path / "tokenizer")
    assert not list((tmp_path / "tokenizer").glob("chat_template*"))
