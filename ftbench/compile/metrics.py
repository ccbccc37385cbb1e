"""Resolves the names in ``metrics``: options of ``conf/metric``, a user's own among them, or dotted paths of
functions.
"""

from __future__ import annotations

from typing import Any

from omegaconf.errors import OmegaConfBaseException

from ftbench.compile.compose import Composer
from ftbench.compile.interpolate import resolve
from ftbench.compile.renamed import renamed_fields
from ftbench.core.component import Component, build_for
from ftbench.core.errors import Problem, Refused, did_you_mean

FUNCTION = "ftbench.metrics.function.FunctionMetric"


def metric_components(
    composer: Composer, names: list[str], config: dict[str, Any]
) -> tuple[dict[str, Component], list[Problem]]:
    """Builds the metrics of one cell.

    Args:
        composer: gives access to Hydra's search path.
        names: as typed.
        config: the cell's resolved config, which a metric's YAML may refer to (``${dataset.answer_pattern}``).

    Returns:
        name -> metric in the order typed, and what is wrong.
    """
    found: dict[str, Component] = {}
    config, problems = with_models(composer, config)
    for name in names:
        try:
            node = _node(composer, name)
            if node is None:
                fix = (
                    did_you_mean(name, composer.options("metric"))
                    + "; or the dotted path of a function f(prediction, references)"
                )
                problems.append(Problem("metrics", f"{name}: no such metric", fix))
                continue
            metric = build_for("metric", resolve(node, config), f"metric.{name}")
            problems += [*renamed_fields(node, metric, f"metric.{name}"), *metric.check()]
            found[name] = metric
        except Refused as refused:
            problems += refused.problems
        except OmegaConfBaseException as error:
            problems.append(
                Problem(
                    f"metric.{name}",
                    str(error).splitlines()[0],
                    "Every dataset option needs the keys that its metrics refer to",
                )
            )
    return found, problems


def with_models(composer: Composer, config: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Returns the config with the model that ``judge.model`` names as a whole node, and what is wrong with it."""
    judge = config.get("judge") or {}
    name, settings = judge.get("model"), judge.get("settings") or {}
    if not isinstance(name, str):
        return config, []
    node = composer.option_node("model", name)
    if node is None:
        return config, [Problem("judge.model", f"{name}: no such model", did_you_mean(name, composer.options("model")))]
    problems = [
        Problem(f"judge.settings.{key}", "no such key", did_you_mean(key, [one for one in node if one != "_target_"]))
        for key in settings
        if key not in node
    ]
    whole = {**node, **settings}
    problems += [
        Problem(f"judge.settings.{key}", f"judge.model={name} needs it", f"Set 'judge.settings={{{key}: ...}}'")
        for key, value in whole.items()
        if value == "???"
    ]
    if "???" in whole.values():
        return config, problems
    return {**config, "judge": {**judge, "model": resolve(whole, config)}}, problems


def _node(composer: Composer, name: str) -> dict[str, Any] | None:
    node = composer.option_node("metric", name)
    if node is None and "." in name:
        return {"_target_": FUNCTION, "name": name, "path": name}
    return node
