"""One option by itself, as a component: for benchmarks, tests and a Python prompt, where there is no matrix."""

from __future__ import annotations

import copy
import functools
from typing import Any

import yaml
from hydra.types import RunMode
from omegaconf import OmegaConf

from ftbench.compile.hydra_internals import loader_over
from ftbench.compile.learning_rate import with_learning_rates
from ftbench.compile.space import without
from ftbench.core.component import build
from ftbench.core.shipped import CONF


def shipped(axis: str, option: str, **values: Any) -> Any:
    """Builds the component of ``conf/<axis>/<option>.yaml`` with some values changed.

    Args:
        axis: ``method``, ``metric``, ...
        option: name of the file.
        values: by their short keys: ``rank`` is ``method.weights.rank``.

    Raises:
        ftbench.core.errors.Refused: when a value is of the wrong type or there is no such key.
    """
    config = copy.deepcopy(_composed(axis, option))
    for key, value in values.items():
        holder = next((node for node in (config, *config.values()) if isinstance(node, dict) and key in node), config)
        holder[key] = value
    return build(with_learning_rates({"method": config, "model": {}})["method"], axis)


@functools.cache
def _composed(axis: str, option: str) -> dict[str, Any]:
    text = (CONF / axis / f"{option}.yaml").read_text(encoding="utf-8")
    alone = yaml.safe_load(text)
    if "defaults" not in alone:
        return without(alone)
    composed = loader_over(CONF).load_configuration("config", [f"{axis}={option}"], RunMode.RUN)
    return without(OmegaConf.to_container(composed[axis], resolve=True))
