"""What ``method.learning_rate: null`` means: the default of the pair of weights and objective, which a model may know
better.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ftbench.core.component import target_class
from ftbench.core.components.names import stable
from ftbench.core.components.weights import Weights
from ftbench.core.errors import Refused


def with_learning_rates(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a composed config whose method, and whatever it starts from, have a learning rate where their pair has a
    default.

    A model's own rate for the pair (``model.learning_rates``: objective -> kind of weights -> rate) comes before the
    objective's.
    """
    return {**config, "method": _filled(config["method"], config["model"])}


def rate_lines(config: Mapping[str, Any], method: str) -> list[str]:
    """Returns a sentence for the method's learning rate where it is the default of its pair, with whose default
    it is.
    """
    return [
        f"learning rate {rate:g} for {method}{place}: the default of {kind} weights under {objective} ({source})"
        for place, node in _nodes(config["method"])
        for objective, kind, rate, source in [_default(node, config["model"])]
        if rate is not None and node["learning_rate"] == rate
    ]


def _nodes(method: Any, place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    while isinstance(method, Mapping) and {"learning_rate", "weights", "objective"} <= method.keys():
        yield place, method
        method, place = method.get("start"), f"{place}'s start"


def _filled(method: Any, model: Mapping[str, Any]) -> Any:
    if not isinstance(method, Mapping) or not {"learning_rate", "weights", "objective"} <= method.keys():
        return method
    found = {**method, "start": _filled(method.get("start"), model)}
    if found["learning_rate"] is None:
        found["learning_rate"] = _default(method, model)[2]
    return found


def _default(method: Mapping[str, Any], model: Mapping[str, Any]) -> tuple[str, str, float | None, str]:
    """Returns the objective's name, the kind of weights, the pair's default (None where there is none), and whose it
    is.
    """
    objective, weights = method["objective"], method["weights"]
    try:
        cls = target_class(str(weights["_target_"]), "method.weights")
        name = stable(str(objective["_target_"])).rpartition("/")[2]
    except (Refused, KeyError, TypeError):
        return "", "", None, ""  # what is no component is refused when it is built
    kind = cls.kind if issubclass(cls, Weights) else ""
    own = (model.get("learning_rates") or {}).get(name, {}).get(kind)
    if own is not None:
        return name, kind, own, "of this model"
    shared, sources = (objective.get(key) or {} for key in ("learning_rates", "learning_rate_sources"))
    return name, kind, shared.get(kind), str(sources.get(kind, "its own"))
