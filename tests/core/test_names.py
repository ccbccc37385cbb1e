"""Keys do not know where code lives: names of components are unique, found again, and every option's identity is as it
was recorded.

python -m tests.core.test_names      # record the identities of all options anew, after a change of keys that is meant
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path

import ftbench
from ftbench.compile.compose import Composer
from ftbench.compile.hydra_internals import loader_over
from ftbench.compile.option import shipped
from ftbench.core.canonical import digest
from ftbench.core.component import Component, build, node
from ftbench.core.components.earlier_names import EARLIER
from ftbench.core.components.names import class_of, name_of, stable_node
from ftbench.core.shipped import CONF
from tests.contracts.test_conf import GIVEN as CONF_GIVEN
from tests.contracts.test_conf import OPTIONS
from tests.contracts.test_conf import _node as option_of

GOLDEN = Path(__file__).with_name("golden_keys.json")
GIVEN = {"name_or_path": "package://ftbench.models.tiny/weights"}
OF_FILES = ("dataset/files", "model/recorded")
"""Options whose identity is that of files that a person names."""


def composer() -> Composer:
    return Composer(loader_over(CONF), "config")


def identity(option: str, over: Composer) -> str:
    """Returns the digest of an option's identity as it ships; hub names stand for their commits, which need a
    network.
    """
    group, _, name = option.rpartition("/")
    node = {**option_of(over, group, name)}
    if "name_or_path" in node and node["name_or_path"] == CONF_GIVEN["name_or_path"]:
        node |= GIVEN
    return digest(build(node, group).identity())


def options() -> list[str]:
    return [option for option in map("/".join, OPTIONS) if option not in OF_FILES]


def test_every_component_has_a_name_of_its_own_and_is_found_by_it() -> None:
    for module in pkgutil.walk_packages(ftbench.__path__, "ftbench."):
        if not module.name.endswith(("__main__", ".worker", ".app")):
            importlib.import_module(module.name)
    named: dict[str, type] = {}
    ahead: list[type] = [Component]
    while ahead:
        cls = ahead.pop()
        ahead += cls.__subclasses__()
        if cls.__module__.startswith("ftbench.") and "key_name" in cls.__dict__ and cls is not Component:
            assert named.setdefault(name_of(cls), cls) is cls, f"two components are called {name_of(cls)}"
    assert len(named) >= 45
    for name, cls in named.items():
        assert class_of(name) is cls
    assert set(EARLIER.values()) <= named.keys()


def test_a_users_class_has_its_own_path_even_over_one_of_ours() -> None:
    class Mine(Component):
        pass

    assert name_of(Mine) == f"{__name__}.test_a_users_class_has_its_own_path_even_over_one_of_ours.<locals>.Mine"
    derived = type("Derived", (class_of("metric/bleu"),), {"__module__": "mine"})
    assert name_of(derived) == "mine.Derived"


def test_a_node_of_an_earlier_version_builds_the_component_of_today() -> None:
    today = node(shipped("metric", "bleu"))
    assert today["_target_"] == "metric/bleu"
    earlier = {**today, "_target_": "ftbench.metrics.bleu.Bleu"}
    assert build(earlier, "metric") == build(today, "metric")
    assert stable_node({"a": [earlier]}) == {"a": [today]}


def test_38_the_identity_of_every_option_is_as_it_was_recorded() -> None:
    """Moving or renaming a module or class changes no key; a change that is meant is recorded by ``python -m
    tests.core.test_names``.
    """
    over = composer()
    found = {option: identity(option, over) for option in options()}
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


if __name__ == "__main__":
    over = composer()
    found = {option: identity(option, over) for option in options()}
    GOLDEN.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
