"""Words that people typed in earlier versions, and what they are called now: refused with the new word, never taken
silently.
"""

from __future__ import annotations

from collections.abc import Sequence

from ftbench.core.errors import Problem

RENAMED = {
    "method.over": "method.start",
    "model.method_defaults": "model.learning_rates (objective -> kind of weights -> rate)",
}
"""Dotted key of an earlier version -> what it is called now; keys below it go with it."""


def renamed(words: Sequence[str]) -> list[Problem]:
    """Returns a problem for each override whose key has another name now."""
    problems = []
    for word in words:
        key, equals, _ = word.lstrip("+~").partition("=")
        for old, new in RENAMED.items():
            if equals and (key == old or key.startswith(f"{old}.")):
                problems.append(Problem(key, "is called otherwise now", f"Write {new}"))
    return problems
