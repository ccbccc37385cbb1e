"""Resolves the names in ``trackers``: options of ``conf/tracker``, which are a user's own or a plug-in's."""

from __future__ import annotations

from typing import Any

from omegaconf.errors import OmegaConfBaseException

from ftbench.compile.compose import Composer
from ftbench.compile.interpolate import resolve
from ftbench.core.component import build
from ftbench.core.errors import Problem, Refused, did_you_mean


def tracker_nodes(
    composer: Composer, names: Any, config: dict[str, Any]
) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
    """Returns name -> node with ``_target_``, and what is wrong with each: no such option, wrong values.

    Args:
        composer: gives access to Hydra's search path.
        names: as typed.
        config: a cell's resolved config, which a tracker's YAML may refer to.
    """
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        return {}, [Problem("trackers", f"{names!r} is no list of names", f"Write trackers=[{names}]")]
    found: dict[str, dict[str, Any]] = {}
    problems: list[Problem] = []
    for name in names:
        node = composer.option_node("tracker", name)
        if node is None:
            problems.append(Problem("trackers", f"{name}: no such tracker", _options(composer, name)))
            continue
        try:
            found[name] = resolve(node, config)
            build(found[name], f"tracker.{name}")
        except Refused as refused:
            problems += refused.problems
        except OmegaConfBaseException as error:
            problems.append(Problem(f"tracker.{name}", str(error).splitlines()[0], "Mend its YAML"))
    return found, problems


def _options(composer: Composer, name: str) -> str:
    return f"{did_you_mean(name, composer.options('tracker'))}; each is a conf/tracker/NAME.yaml in --config-dir"
