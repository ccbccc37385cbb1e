"""Whole weights: every parameter of the base trained, saved as a transformers folder, and read back into the base in
place.

Whoever writes into a base's parameters says so with ``spend``; a worker then loads it from disk again before the next
stage asks for it, so that no second copy of the weights is ever kept.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ftbench.core.errors import FtbenchError

FOLDER = "model"
"""Inside a train stage's folder; any transformers program loads it."""
MASTERS = ("float32", "base")


def open_weights(model: Any, master: str) -> Callable[[], None]:
    """Switches every parameter on, in place.

    Args:
        model: the loaded base, which is spent by this.
        master: ``float32`` trains them in that, ``base`` in the dtype they were loaded in.

    Returns:
        A function that puts config and dtype back for saving: trainers write the tokenizer's ids into a config.

    Raises:
        FtbenchError: for quantized weights, which cannot be trained.
    """
    from ftbench.models.intact import spend

    if not all(parameter.is_floating_point() for parameter in model.parameters()):
        raise FtbenchError(
            "method=full: the base's weights are quantized and cannot be trained. Set model.quantization=null, or"
            " method=qlora"
        )
    dtypes = {name: parameter.dtype for name, parameter in model.named_parameters()}
    config, generation = copy.deepcopy(model.config), copy.deepcopy(model.generation_config)
    spend(model)
    if master == "float32":
        for parameter in model.parameters():
            parameter.data = parameter.data.float()
    model.requires_grad_(True)

    def close() -> None:
        model.config, model.generation_config = config, generation
        for name, parameter in model.named_parameters():
            parameter.data = parameter.data.to(dtypes[name])

    return close


def read_weights(model: Any, folder: Path) -> None:
    """Writes the weights in ``folder/model`` into ``model``, tensor by tensor and in place; the model is spent by this.

    Raises:
        FtbenchError: when the folder lacks a parameter of the model, or has another shape for it.
    """
    import torch
    from safetensors import safe_open

    from ftbench.models.intact import spend

    spend(model)
    places: dict[str, Any] = dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers())
    waiting = {id(parameter): name for name, parameter in model.named_parameters()}
    with torch.no_grad():
        for path in sorted((folder / FOLDER).glob("*.safetensors")):
            with safe_open(path, framework="pt") as file:
                for name in file.keys():
                    place = places.get(name)
                    if place is None or tuple(file.get_slice(name).get_shape()) != tuple(place.shape):
                        raise FtbenchError(
                            f"{FOLDER}/{path.name}: {name} does not fit the base. Compile the plan again"
                        )
                    place.copy_(file.get_tensor(name))
                    waiting.pop(id(place), None)
    if waiting:
        raise FtbenchError(f"{FOLDER}: lacks {', '.join(sorted(waiting.values())[:3])}. Train it again")


@contextmanager
def lent(loaded: Any, folder: Path) -> Iterator[Any]:
    """Context manager: inside it, ``loaded`` answers with the whole weights in ``folder``; afterwards it is spent."""
    from ftbench.models.intact import intact

    with intact(loaded.model):
        read_weights(loaded.model, folder)
        yield loaded
