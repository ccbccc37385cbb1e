"""Writing the folders that ship: a transformers model, or a tokenizer beside an adapter."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any


def save_model(model: Any, loaded: Any, folder: Path) -> None:
    """Writes weights, config and tokenizer as ``from_pretrained`` reads them.

    Args:
        model: the transformers model to write.
        loaded: ``ftbench.models.loaded.Loaded`` with the tokenizer and format that the model is asked with.
    """
    # A checkpoint may carry sampling values that transformers itself refuses to write; decoding is always given.
    generation = copy.deepcopy(model.generation_config)
    for name in ("temperature", "top_p", "top_k", "do_sample"):
        setattr(generation, name, None)
    kept, model.generation_config = model.generation_config, generation
    try:
        model.save_pretrained(folder)
    finally:
        model.generation_config = kept
    save_tokenizer(loaded, folder)


def save_tokenizer(loaded: Any, folder: Path) -> None:
    """Writes the tokenizer of a loaded model with its template."""
    write_tokenizer(loaded.tokenizer, loaded.format.template, folder)


def write_tokenizer(tokenizer: Any, template: str | None, folder: Path) -> None:
    """Writes a tokenizer with the chat template that prompts were written with; without one where they were
    plain text.
    """
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
