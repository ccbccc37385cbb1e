"""No field of an axis's options is also one of its sub-axes' options, so that a key may leave the sub-axis out."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

import pytest
import yaml

from ftbench.compile.compose import Composer
from ftbench.core.cell import AXES
from ftbench.core.component import target_class
from ftbench.core.shipped import CONF
from tests.compile.conftest import composer  # noqa: F401 - fixture

KNOWN = {"context": {"depth"}}
"""``context.depth`` is what is looked up; ``context.retriever.depth``, of hybrid alone, how much of each list is fused.
Both are typed in full.
"""


def _groups(axis: str) -> dict[str, set[str]]:
    """Returns an axis and its sub-axes -> the fields of their options' classes, less what the sub-axes fill."""
    found: dict[str, set[str]] = {}
    for folder in (CONF / axis, *(path for path in sorted((CONF / axis).rglob("*")) if path.is_dir())):
        group = folder.relative_to(CONF).as_posix()
        data = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yaml"))]
        names = {
            field.name for one in data if "_target_" in one for field in fields(target_class(one["_target_"], group))
        }
        found[group] = names - {path.name for path in folder.iterdir() if path.is_dir()}
    return found


@pytest.mark.parametrize("axis", AXES)
def test_a_field_is_of_an_axis_or_of_one_of_its_sub_axes(axis: str) -> None:
    counts = Counter(name for names in _groups(axis).values() for name in names)
    assert {name for name, count in counts.items() if count > 1} == KNOWN.get(axis, set())


@pytest.mark.parametrize("axis", [axis for axis in AXES if any(path.is_dir() for path in (CONF / axis).iterdir())])
def test_every_field_of_a_sub_axis_may_be_typed_without_it(axis: str, composer: Composer) -> None:
    for group, names in _groups(axis).items():
        assert composer.groups.fields(group) == names
        for name in names - KNOWN.get(axis, set()):
            assert composer.groups.full(f"{axis}.{name}") == f"{group.replace('/', '.')}.{name}"
