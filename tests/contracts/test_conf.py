"""Every file under ``conf/`` and ``recipes/``, found by globbing, so that a new one is tested by being there."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
import yaml

from ftbench.compile.compose import Composer
from ftbench.compile.effort import with_values
from ftbench.compile.interpolate import resolve
from ftbench.compile.learning_rate import with_learning_rates
from ftbench.compile.metrics import with_models
from ftbench.compile.select import value_at
from ftbench.compile.space import NODE, space_of, take_out, without
from ftbench.core.canonical import canonical
from ftbench.core.cell import AXES, OPEN
from ftbench.core.component import build, node, target_class
from ftbench.core.components.names import base_of
from ftbench.core.shipped import CONF, RECIPES
from tests.compile.conftest import composer, composer_over  # noqa: F401 - fixtures

PARTS = tuple(
    sorted({path.parent.relative_to(CONF).as_posix() for axis in AXES for path in (CONF / axis).glob("*/*.yaml")})
)
"""Groups inside an axis, such as ``method/weights``."""
GROUPS = (*AXES, *PARTS, "metric")
OPTIONS = [(group, path.stem) for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]
GIVEN = {
    "name_or_path": "meta-llama/Llama-2-7b-hf",
    "train": "rows.jsonl",
    "prompt": "{question}",
    "target": "{answer}",
    "outputs": "answers.jsonl",
    "name": "served-model",
    "base_url": "http://localhost:8000/v1",
}
"""What a person must give, for options that cannot be complete without."""


def _text(group: str, name: str) -> str:
    return (CONF / group / f"{name}.yaml").read_text(encoding="utf-8")


def _node(composer: Composer, group: str, name: str) -> dict:
    if group in PARTS:
        return without(composer.option_node(group, name))
    words = (
        ["judge.model=tiny", "judge.policy=polite", "bertscore.model='package://ftbench.models.tiny/weights'"]
        if group == "metric"
        else [f"{group}={name}"]
    )
    config, problems = with_models(composer, with_learning_rates(take_out(composer.compose(words).config)[0]))
    assert problems == []
    found = resolve(composer.option_node(group, name), config) if group == "metric" else config[group]
    return {key: GIVEN[key] if value == "???" else value for key, value in found.items()}


@pytest.mark.parametrize(("group", "name"), OPTIONS, ids="/".join)
def test_option_says_what_it_is_and_holds_every_value(group: str, name: str) -> None:
    text = _text(group, name)
    first = text.splitlines()[0]
    assert first.startswith("# ") and len(first) > 20
    data = yaml.safe_load(text)
    if "defaults" in data:
        return
    cls = target_class(data["_target_"], group)
    assert set(data) - {"_target_", NODE} == {field.name for field in fields(cls)}
    assert all(field.default is MISSING and field.default_factory is MISSING for field in fields(cls))
    assert cls.__dataclass_params__.frozen


@pytest.mark.parametrize(("group", "name"), OPTIONS, ids="/".join)
def test_option_builds_checks_and_names_itself_the_same_way_twice(
    group: str, name: str, composer: Composer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(f'{{"question": "q{n}", "answer": "a{n}"}}\n' for n in range(30)))
    (tmp_path / "answers.jsonl").write_text('{"id": "1", "output": "a1"}\n')
    monkeypatch.chdir(tmp_path)
    data = _node(composer, group, name)
    if group == "dataset":
        data = {key: GIVEN[key] if key in GIVEN and value is None else value for key, value in data.items()}
    component = build(data, group)
    assert component.check() == []
    located = component.resolve()
    assert canonical(located.identity()) == canonical(build(node(located), group).resolve().identity())
    assert set(component.NOT_HASHED) <= {field.name for field in fields(component)}


@pytest.mark.parametrize(("group", "name"), OPTIONS, ids="/".join)
def test_option_derives_from_the_base_class_of_its_axis(group: str, name: str, composer: Composer) -> None:
    cls, base = target_class(_node(composer, group, name)["_target_"], group), base_of(group)
    assert issubclass(cls, base)
    for member, wanted in inspect.getmembers(base, inspect.isfunction):
        if member.startswith("_"):
            continue
        have = list(inspect.signature(getattr(cls, member)).parameters)
        assert have == list(inspect.signature(wanted).parameters), member


@pytest.mark.parametrize(("group", "name"), [option for option in OPTIONS if option[0] in OPEN], ids="/".join)
def test_space_of_an_option_is_of_its_own_keys_and_starts_from_its_own_values(
    group: str, name: str, composer: Composer
) -> None:
    config, search = take_out(composer.compose([f"{group}={name}"]).config)
    config = with_learning_rates(config)
    space, problems = space_of(config, search, {}, frozenset())
    assert problems == []
    for keys, values in space.dimensions.items():
        assert (
            values[0] == tuple(value_at(config, key) for key in keys) and len(set(map(repr, values))) == len(values) > 1
        )
    for values in space.order(0):
        changed = with_values(config, values)
        assert build(changed[group], group).check() == []


@pytest.mark.parametrize("path", sorted(CONF.glob("hydra/*/*.yaml")), ids=lambda path: path.stem)
def test_hydra_option_names_a_class_of_the_plug_in(path: Path) -> None:
    target = yaml.safe_load(path.read_text(encoding="utf-8"))["_target_"]
    module, _, name = target.rpartition(".")
    assert target.startswith("hydra_plugins.ftbench.") and hasattr(importlib.import_module(module), name)
    assert path.stem not in ("joblib", "ray", "basic") and not path.stem.startswith("submitit")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_recipe_says_its_question_its_command_and_its_cost(path: Path) -> None:
    header = path.read_text(encoding="utf-8").split("defaults:")[0]
    assert header.startswith("# @package _global_\n")
    for word in ("# Question:", f"# Command:  python -m ftbench -m +recipes={path.stem}", "# Cost:"):
        assert word in header


def test_all_that_is_wrong_with_a_node_is_told_at_once(composer_over: Callable) -> None:
    """A wrong type, an unknown key and a missing key in one node are all told at once."""
    from ftbench.core.errors import Refused

    made = composer_over({})
    data = made.compose(["method=lora"]).config["method"]
    data = without(data)
    del data["warmup"]
    with pytest.raises(Refused) as refused:
        build({**data, "batch_size": "eight", "epohcs": 0.1}, "method")
    text = str(refused.value)
    assert (
        "method.batch_size: " in text
        and "method.epohcs: no such key. Did you mean epochs?" in text
        and "method.warmup: is missing" in text
    )
