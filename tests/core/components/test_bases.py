"""Base classes: what they ask for is all that a component needs, and a class that has none is refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ftbench.compile.compose import Composer
from ftbench.compile.matrix import compile_matrix
from ftbench.compile.print_plan import refusal_text
from ftbench.core.components.weights import kind_of
from tests.compile.conftest import composer_over  # noqa: F401 - fixture

BARE = """
from dataclasses import dataclass
import numpy as np
from ftbench.core.components.artifact import Artifact
from ftbench.core.components.context import Context
from ftbench.core.components.dataset import Dataset
from ftbench.core.components.method import Method
from ftbench.core.components.metric import Metric
from ftbench.core.components.model import Model
from ftbench.core.example import Splits


@dataclass(frozen=True)
class BareArtifact(Artifact):
    pass


@dataclass(frozen=True)
class BareContext(Context):
    def requests(self, examples, pool, documents, folders, seed):
        return []


@dataclass(frozen=True)
class BareDataset(Dataset):
    def load(self):
        return Splits((), (), (), (), (), {})


@dataclass(frozen=True)
class BareMethod(Method):
    pass


@dataclass(frozen=True)
class BareMetric(Metric):
    def statistics(self, rows):
        return np.zeros((len(rows), 1))

    def value(self, totals, n):
        return totals[..., 0]

    def signature(self):
        return "bare"


@dataclass(frozen=True)
class BareModel(Model):
    pass


@dataclass(frozen=True)
class Orphan:
    name: str
"""
OPTIONS = ("artifact", "context", "dataset", "method", "model")


@pytest.fixture
def over(composer_over: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Composer:
    (tmp_path / "bare_parts.py").write_text(BARE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    named = {f"{axis}/bare.yaml": f"_target_: bare_parts.Bare{axis.title()}\n" for axis in OPTIONS}
    orphans = {f"{axis}/orphan.yaml": "_target_: bare_parts.Orphan\nname: x\n" for axis in (*OPTIONS, "metric")}
    others = {
        "metric/bare.yaml": "_target_: bare_parts.BareMetric\nname: bare\n",
        "context/lacking.yaml": "_target_: ftbench.core.components.context.Context\n",
    }
    return composer_over({**named, **orphans, **others})


def test_what_a_base_class_asks_for_is_all_that_a_component_needs(over: Composer) -> None:
    words = [f"{axis}=bare" for axis in OPTIONS]
    plan = compile_matrix(over, [[*words, "metrics=[bare]", "validation=false"]], "plan").plan
    assert not plan.refusals and plan.cells[0].choices["model"] == "bare"
    kinds = {role.partition(".")[0] for role in plan.cells[0].stages}
    assert kinds == {"prepare", "check", "generate", "score"}


@pytest.mark.parametrize("axis", [*OPTIONS, "metric"])
def test_a_class_without_the_base_class_is_refused_in_one_line_that_names_it(over: Composer, axis: str) -> None:
    word = "metrics=[orphan]" if axis == "metric" else f"{axis}=orphan"
    plan = compile_matrix(over, [["method=lora", word]], "plan").plan
    base = f"ftbench.core.components.{axis}.{axis.title()}"
    (line,) = (line for line in refusal_text(plan.refusals).splitlines() if "Orphan" in line)
    assert line.endswith(f"bare_parts.Orphan is no {axis.title()}. Derive it from {base}.")


def test_a_class_that_lacks_what_must_be_written_is_refused(over: Composer) -> None:
    plan = compile_matrix(over, [["context=lacking"]], "plan").plan
    assert "does not define requests" in refusal_text(plan.refusals)


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ({"_target_": "method/tuning", "weights": {"_target_": "method/weights/lora", "rank": 8}}, "adapter"),
        ({"_target_": "method/tuning", "weights": {"_target_": "method/weights/full"}}, "whole"),
        ({"_target_": "method/tuning", "weights": {"_target_": "theirs.Prefix"}}, None),
        ({"_target_": "method/none"}, None),
        ({"_target_": "ftbench.methods.lora.Lora", "rank": 8}, "adapter"),
        ({"_target_": "ftbench.methods.dpo_full.DpoFull"}, "whole"),
    ],
)
def test_a_plan_tells_which_kind_of_weights_a_method_trains(method: dict, kind: str | None) -> None:
    assert kind_of(method) == kind
