"""How tests of ``dataset=files`` make one: from the shipped YAML, with some fields changed, as the compiler
builds it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ftbench.core.component import build
from ftbench.core.errors import Problem, Refused
from ftbench.core.shipped import CONF
from ftbench.data.files import Files


@pytest.fixture(scope="session")
def make_files() -> Callable[..., Files]:
    """Returns ``make(train=..., prompt=..., limit={"test": 3})`` over ``conf/dataset/files.yaml``."""
    text = (CONF / "dataset" / "files.yaml").read_text(encoding="utf-8")

    def make(**fields: Any) -> Files:
        node = yaml.safe_load(text)
        for name, value in fields.items():
            node[name] = {**node[name], **value} if isinstance(node.get(name), dict) else value
        return build(node, "dataset")

    return make


@pytest.fixture(scope="session")
def refusals(make_files: Callable[..., Files]) -> Callable[..., list[Problem]]:
    """Returns ``refusals(**fields)``: the problems with which loading such a dataset is refused."""

    def problems(**fields: Any) -> list[Problem]:
        with pytest.raises(Refused) as caught:
            make_files(**fields).load()
        for problem in caught.value.problems:
            assert "\n" not in str(problem) and problem.fix
        return caught.value.problems

    return problems
