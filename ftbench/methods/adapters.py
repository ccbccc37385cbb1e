"""Adapters in the standard peft folder, without anything in it that differs between machines or processes."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ftbench.core.errors import FtbenchError

FOLDER = "adapter"


def add_lora(
    model: Any, rank: int, alpha: float, dropout: float, target_modules: str | list[str], rslora: bool = False, dora: bool = False
) -> Any:
    """Returns ``model`` wrapped with a fresh LoRA adapter; seed before calling (DESIGN 6, number 5)."""
    from peft import LoraConfig, get_peft_model

    kind = {"use_rslora": rslora, "use_dora": dora, "bias": "none", "task_type": "CAUSAL_LM"}
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=target_modules, **kind)
    with without_future_warnings():
        adapted = get_peft_model(model, config)
    _keep_float32(model)
    return adapted


def resume_adapter(model: Any, folder: Path, device: str) -> Any:
    """Returns ``model`` wrapped with the adapter in ``folder``, switched on to be trained further."""
    from peft import PeftModel

    with without_future_warnings():
        adapted = PeftModel.from_pretrained(model, folder / FOLDER, is_trainable=True, torch_device=device)
    _keep_float32(model)
    return adapted


def _keep_float32(model: Any) -> None:
    """Keeps TRL from turning the adapter over a base that says it is in 4 bits into bfloat16, where Adam's small steps round away."""
    if getattr(model, "is_loaded_in_4bit", False):
        model.is_loaded_in_4bit = False


def save_adapter(model: Any, folder: Path, loaded: Any) -> None:
    """Writes ``adapter/`` into ``folder``.

    peft writes where the base lay on this machine, lists in the order of Python sets, and a readme with both. The first
    becomes the base's hub name and commit (null for a folder), the second is sorted, the third is left out.
    """
    target = folder / FOLDER
    model.save_pretrained(target, save_embedding_layers=False)
    (target / "README.md").unlink(missing_ok=True)
    path = target / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"], config["revision"] = loaded.name, loaded.revision
    for name, value in config.items():
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            config[name] = sorted(value)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def answerable(model: Any) -> Any:
    """Returns the model to train as it is, unless what it learns would not be there when the base under it is asked.

    Raises:
        FtbenchError: for peft's prompt learning, which only peft's wrapper puts before a prompt: answers would be the base's own.
    """
    kinds = [config.peft_type.value for config in getattr(model, "peft_config", {}).values() if config.is_prompt_learning]
    if kinds:
        raise FtbenchError(f"method: peft's {kinds[0]} keeps what it learns outside the layers of the base, which is what answers. Train something inside them, such as LoRA, IA3, norms or biases")
    return model


@contextmanager
def attached(loaded: Any, folder: Path) -> Iterator[Any]:
    """Context manager: inside it, ``loaded`` answers with the adapter in ``folder``; afterwards with the base again."""
    from peft import PeftModel

    from ftbench.models.intact import intact

    with intact(loaded.model):
        with without_future_warnings():
            PeftModel.from_pretrained(loaded.model, folder / FOLDER, torch_device=loaded.device)
        loaded.model.eval()
        yield loaded


@contextmanager
def without_future_warnings() -> Iterator[None]:
    """peft asks transformers for an attribute under its old name; that is between the two of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield
