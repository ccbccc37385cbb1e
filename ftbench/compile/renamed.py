"""Words that people typed in earlier versions, and what they are called now: refused with the new word, never taken
silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ftbench.core.component import Component
from ftbench.core.components.earlier_names import FIELDS
from ftbench.core.errors import Problem

RENAMED = {
    "decision.labelling_usd_per_example": "decision.labeling_usd_per_example",
    "decision.labour_usd": "decision.labor_usd",
    "method.over": "method.start",
    "model.licence": "model.license",
    "model.method_defaults": "model.learning_rates (objective -> kind of weights -> rate)",
}
"""Dotted key of an earlier version -> what it is called now; keys below it go with it."""


def renamed_fields(config: Mapping[str, Any], component: Component, where: str) -> list[Problem]:
    """Returns a problem for each field of an option of one's own that has another name in its component now."""
    found = (FIELDS.keys() & config.keys()) - vars(component).keys()
    return [Problem(f"{where}.{old}", "is called otherwise now", f"Write {FIELDS[old]}") for old in sorted(found)]


def renamed(words: Sequence[str]) -> list[Problem]:
    """Returns a problem for each override whose key has another name now."""
    problems = []
    for word in words:
        key, equals, _ = word.lstrip("+~").partition("=")
        for old, new in RENAMED.items():
            if equals and (key == old or key.startswith(f"{old}.")):
                problems.append(Problem(key, "is called otherwise now", f"Write {new}"))
    return problems
