"""Adapters in the standard peft folder, without anything in it that differs between machines or processes."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.files import write_json
from ftbench.models.loading_info import some

FOLDER, FILE = "adapter", "adapter_model.safetensors"


def add_lora(
    model: Any,
    rank: int,
    alpha: float,
    dropout: float,
    target_modules: str | list[str],
    rslora: bool = False,
    dora: bool = False,
) -> Any:
    """Returns ``model`` wrapped with a fresh LoRA adapter; seed before calling (docs/mistakes.md, number 5)."""
    from peft import LoraConfig, get_peft_model

    kind = {"use_rslora": rslora, "use_dora": dora, "bias": "none", "task_type": "CAUSAL_LM"}
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=target_modules, **kind)
    with without_future_warnings():
        adapted = get_peft_model(model, config)
    _keep_float32(model)
    return adapted


def resume_adapter(model: Any, folder: Path, device: str) -> Any:
    """Returns ``model`` wrapped with the adapter in ``folder``, switched on to be trained further."""
    adapted = load_adapter(model, folder, device, trainable=True)
    _keep_float32(model)
    return adapted


def load_adapter(model: Any, folder: Path, device: str, trainable: bool = False) -> Any:
    """Returns ``model`` wrapped with the adapter in ``folder``, every tensor of it in its place.

    Raises:
        FtbenchError: when the adapter cannot be read, lacks tensors (peft would leave their random starting values),
            holds others, or was made for a model of other sizes.
    """
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import SafetensorError, safe_open

    place = folder / FOLDER
    try:
        with safe_open(place / FILE, framework="pt") as file:
            stored = set(file.keys())
        with without_future_warnings(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Found missing adapter keys")  # said below, as an error
            adapted = PeftModel.from_pretrained(model, place, is_trainable=trainable, torch_device=device)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise FtbenchError(f"{place}: cannot be loaded ({_first_line(error)}). Train it again") from error
    except RuntimeError as error:
        if "size mismatch" not in str(error):
            raise
        reason = "its tensors have other shapes than this base's layers"
        raise FtbenchError(f"{place}: {reason}. Train it again over this base") from error
    missing = set(get_peft_model_state_dict(adapted, save_embedding_layers=False)) - stored
    foreign = stored - set(get_peft_model_state_dict(adapted, save_embedding_layers=True))
    if missing or foreign:
        found = (("lacks", missing), ("has no place for", foreign))
        faults = [f"{verb} {some(sorted(names))}" for verb, names in found if names]
        raise FtbenchError(f"{place}: the adapter {' and '.join(faults)}. Train it again over this base")
    return adapted


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _keep_float32(model: Any) -> None:
    """Keeps TRL from turning the adapter over a base that says it is in 4 bits into bfloat16, where Adam's small steps
    round away.
    """
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
    write_json(path, config, indent=2, sort_keys=True)


def answerable(model: Any) -> Any:
    """Returns the model to train as it is, unless what it learns would not be there when the base under it is asked.

    Raises:
        FtbenchError: for peft's prompt learning, which only peft's wrapper puts before a prompt: answers would be the
            base's own.
    """
    kinds = [
        config.peft_type.value for config in getattr(model, "peft_config", {}).values() if config.is_prompt_learning
    ]
    if kinds:
        raise FtbenchError(
            f"method: peft's {kinds[0]} keeps what it learns outside the layers of the base, which is what answers."
            " Train something inside them, such as LoRA, IA3, norms or biases"
        )
    return model


@contextmanager
def attached(loaded: Any, folder: Path) -> Iterator[Any]:
    """Context manager: inside it, ``loaded`` answers with the adapter in ``folder``; afterwards with the base again."""
    from ftbench.models.intact import intact

    with intact(loaded.model):
        load_adapter(loaded.model, folder, loaded.device)
        loaded.model.eval()
        yield loaded


@contextmanager
def without_future_warnings() -> Iterator[None]:
    """peft asks transformers for an attribute under its old name; that is between the two of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield
