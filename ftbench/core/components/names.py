"""Stable names of components: what keys, plans and bundles call a class, wherever its file stands.

A class of ftbench declares ``axis`` and ``key_name``; its name is ``axis/key_name``, such as ``metric/bleu``. Moving or
renaming the class or its module changes no key. A class outside ftbench has its dotted path for a name, and the bytes
of its file in its identity.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ftbench.core.shipped import CONF

OURS = "ftbench"
WITHOUT_OPTION = {
    "dataset/corpus": "ftbench.data.corpus.Corpus",
    "harness/lm_eval": "ftbench.metrics.harness.Harness",
    "metric/function": "ftbench.metrics.function.FunctionMetric",
}
"""Components of ours that no file of ``conf/`` names, since other components make them."""

_TARGET = re.compile(rf"_target_: *({OURS}\.[\w.]+)")


def is_ours(module: str) -> bool:
    """Says whether a module is ftbench's own."""
    return module == OURS or module.startswith(OURS + ".")


def name_of(cls: type) -> str:
    """Returns what a component's class is called in keys and nodes: ``axis/key_name`` for ours, else its dotted path.

    A user's class has its own path even where it derives from one of ours: it inherits the behavior and not the name.
    """
    own = cls.__dict__.get("key_name")
    if own and is_ours(cls.__module__):
        return f"{cls.axis}/{own}"  # type: ignore[attr-defined]
    return f"{cls.__module__}.{cls.__qualname__}"


def class_of(target: str) -> type:
    """Imports the class that a ``_target_`` names: ``axis/key_name``, or a dotted path.

    Raises:
        ImportError: when there is none.
    """
    if "/" in target:
        return _named(target)
    module, _, name = target.rpartition(".")
    if not module:
        raise ImportError(f"{target!r} is no dotted path")
    found = importlib.import_module(module)
    if not hasattr(found, name):
        raise ImportError(f"module {module} has no {name}")
    cls: type = getattr(found, name)
    return cls


@functools.cache
def stable(target: str) -> str:
    """Returns the name that a ``_target_`` of a YAML is kept under; itself where it cannot be imported, which ``build``
    then says.
    """
    try:
        return name_of(class_of(target))
    except ImportError:
        return target


def stable_node(config: Any) -> Any:
    """Returns a plain config with every ``_target_`` in it under its stable name."""
    if isinstance(config, Mapping):
        return {
            key: stable(value) if key == "_target_" and isinstance(value, str) else stable_node(value)
            for key, value in config.items()
        }
    return [stable_node(item) for item in config] if isinstance(config, list) else config


@functools.cache
def _named(name: str) -> type:
    for target in _candidates(name):
        cls = class_of(target)
        if name_of(cls) == name:
            return cls
    raise ImportError(f"this version of ftbench has no component {name}")


def _candidates(name: str) -> Iterator[str]:
    """Yields the dotted paths of classes that may have this name, those first whose module is called as it is."""
    if name in WITHOUT_OPTION:
        yield WITHOUT_OPTION[name]
    axis, _, own = name.rpartition("/")
    yield from sorted(_targets(CONF).get(axis, ()), key=lambda target: target.split(".")[-2] != own)


@functools.cache
def _targets(conf: Path) -> dict[str, tuple[str, ...]]:
    """Returns axis -> dotted paths that the options of ``conf/`` name; of ``config.yaml`` those of its own settings."""
    found: dict[str, dict[str, None]] = {}
    for path in sorted(conf.rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        axis = path.parent.relative_to(conf).as_posix()
        for target in _TARGET.findall(text):
            found.setdefault("data" if axis == "." else axis, {})[target] = None
    return {axis: tuple(targets) for axis, targets in found.items()}
