"""Lends a loaded model to code that changes it (adapters, trainers, patched forwards) and puts everything back
afterwards.

A worker runs many stages over one base. Each must find it as a fresh process would: module tree, hooks, flags, configs,
random states and the environment variables that trainers set.
"""

from __future__ import annotations

import copy
import os
import random
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from ftbench.core.errors import FtbenchError

TRAINER_VARIABLES = ("ACCELERATE_", "FSDP_", "PARALLELISM_CONFIG_")

_spent: weakref.WeakSet[torch.nn.Module] = weakref.WeakSet()


def spend(model: torch.nn.Module) -> None:
    """Notes that the parameters of a base were written into: it must be loaded again before anybody else asks it."""
    _spent.add(model)


def is_spent(model: torch.nn.Module) -> bool:
    """Says whether a base no longer holds the weights it was loaded with."""
    return model in _spent


def require_finite(model: torch.nn.Module) -> None:
    """Refuses weights that hold NaN or infinite numbers: every answer made with them is one of chance.

    Raises:
        FtbenchError: one line that names the first tensor.
    """
    broken = [name for name, one in model.named_parameters() if one.is_floating_point() and not one.isfinite().all()]
    if broken:
        raise FtbenchError(
            f"{len(broken)} of the model's weight tensors hold NaN or infinite numbers, the first is {broken[0]}. "
            "Get the checkpoint again, or train with a lower method.learning_rate"
        )


@contextmanager
def intact(model: torch.nn.Module) -> Iterator[None]:
    """Context manager: whatever happens inside, ``model`` and the process are afterwards as they were.

    The values of the base's own parameters are not copied: whoever writes into them says so with ``spend``.
    """
    modules = [(module, dict(module.__dict__), _containers(module)) for module in model.modules()]
    flags = [(parameter, parameter.requires_grad, parameter.grad) for parameter in model.parameters()]
    configs = _configs(model)
    # Fused kernels are put in by giving names in the model's module another meaning, for every model made later too.
    module_of_class = vars(sys.modules[type(model).__module__])
    names = dict(module_of_class)
    gradients = torch.is_grad_enabled()
    variables = {name: value for name, value in os.environ.items() if name.startswith(TRAINER_VARIABLES)}
    states = (
        random.getstate(),
        np.random.get_state(),
        torch.get_rng_state(),
        torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None,
    )
    try:
        yield
    finally:
        for module, attributes, containers in modules:
            module.__dict__.clear()
            module.__dict__.update(attributes)
            for container, content in containers:
                container.clear()
                container.update(content)
        for parameter, requires_grad, gradient in flags:
            parameter.requires_grad_(requires_grad)
            parameter.grad = gradient
        for config, attributes in configs:
            config.__dict__.clear()
            config.__dict__.update(attributes)
        for name in module_of_class.keys() - names.keys():
            del module_of_class[name]
        module_of_class.update(names)
        torch.set_grad_enabled(gradients)
        forget_optimizers()
        for name in [name for name in os.environ if name.startswith(TRAINER_VARIABLES)]:
            del os.environ[name]
        os.environ.update(variables)
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        if states[3] is not None:
            torch.cuda.set_rng_state_all(states[3])


def forget_optimizers() -> None:
    """Empties what bitsandbytes keeps of an optimizer: embeddings, paged states, and settings by a parameter's place,
    which the next one would take for its own.
    """
    library = sys.modules.get("bitsandbytes")
    if library is not None:
        library.optim.GlobalOptimManager.get_instance().initialize()
        library.functional.GlobalPageManager.get_instance().initialize()


def _containers(module: torch.nn.Module) -> list[tuple[Any, Any]]:
    """Returns the module's own dicts and sets (children, parameters, hooks) with a copy of each."""
    return [(value, copy.copy(value)) for value in module.__dict__.values() if isinstance(value, (dict, set))]


def _configs(model: torch.nn.Module) -> list[tuple[Any, dict[str, Any]]]:
    """Returns every config object in the model, shared ones once, with a copy of its attributes."""
    found: dict[int, Any] = {}
    for module in model.modules():
        for name in ("config", "generation_config"):
            config = getattr(module, name, None)
            while config is not None and id(config) not in found and hasattr(config, "to_dict"):
                found[id(config)] = config
                config = config.get_text_config() if hasattr(config, "get_text_config") else None
    return [(config, {key: _copied(value) for key, value in config.__dict__.items()}) for config in found.values()]


def _copied(value: Any) -> Any:
    """Returns a copy, or the value itself where that is a config of its own with an entry of its own."""
    return value if hasattr(value, "to_dict") else copy.deepcopy(value)
