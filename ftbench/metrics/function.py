"""A user's own metric: a function ``f(prediction, references) -> float``, named in ``metrics`` by its dotted path.

The mean over examples is reported. A function for which less is better carries ``f.higher_is_better = False``.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ftbench.core.component import foreign_source
from ftbench.core.errors import FtbenchError, Problem
from ftbench.metrics.mean import MeanMetric


@dataclass(frozen=True)
class FunctionMetric(MeanMetric):
    """The mean of a function over examples.

    Attributes:
        path: dotted path of the function, importable from where ftbench runs (``my_metrics.politeness``).
    """

    path: str

    highest: ClassVar[float | None] = None

    def identity(self) -> dict[str, Any]:
        """Returns the fields and the sha256 of the function's file: an edited function scores again."""
        return {**super().identity(), "_function_source_": foreign_source(self.path)}

    def check(self) -> list[Problem]:
        try:
            self._function()
        except FtbenchError as error:
            return [Problem("metrics", str(error), "Name a function by its dotted path; PYTHONPATH must reach its module")]
        return []

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        return bool(getattr(self._function(), "higher_is_better", True))

    def score(self, prediction: str, references: Sequence[str]) -> float:
        function = self._function()
        try:
            score = float(function(prediction, list(references)))
        except Exception as error:
            raise FtbenchError(f"metric {self.path} raised {type(error).__name__} on the answer {prediction[:80]!r}: {error}") from error
        if not math.isfinite(score):
            raise FtbenchError(f"metric {self.path} returned {score} for the answer {prediction[:80]!r}; return a finite number")
        return score

    def failed_score(self, references: Sequence[str]) -> float:
        """Returns zero; where less is better zero would reward failing, so the empty text is scored instead."""
        return 0.0 if self.higher_is_better else self.score("", references)

    def signature(self) -> str:
        return f"{self.path}|mean|source:{(foreign_source(self.path) or 'ftbench')[:12]}"

    def _function(self) -> Callable[[str, list[str]], float]:
        module, _, name = self.path.rpartition(".")
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise FtbenchError(f"{self.path!r} cannot be imported ({error})") from error
        if not callable(found):
            raise FtbenchError(f"{self.path!r} is no function")
        return found
