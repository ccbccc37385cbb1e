"""A user's own metric: a function ``f(prediction, references) -> float``, named in ``metrics`` by its dotted path.

The mean over examples is reported. A function for which less is better carries ``f.higher_is_better = False``.
"""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ftbench.core import termination
from ftbench.core.component import foreign_source
from ftbench.core.errors import FtbenchError, Problem
from ftbench.metrics.mean import MeanMetric


@dataclass(frozen=True)
class FunctionMetric(MeanMetric):
    """The mean of a function over examples.

    Attributes:
        path: dotted path of the function, importable from where ftbench runs (``my_metrics.politeness``).
    """

    key_name: ClassVar[str] = "function"

    path: str

    highest: ClassVar[float | None] = None

    def identity(self) -> dict[str, Any]:
        """Returns the fields and the sha256 of the function's file: an edited function scores again."""
        return {**super().identity(), "_function_source_": foreign_source(self.path)}

    def check(self) -> list[Problem]:
        try:
            function = self._function()
        except FtbenchError as error:
            why = str(error)
            return [Problem("metrics", why, "Name a function by its dotted path; PYTHONPATH must reach its module")]
        try:
            inspect.signature(function).bind("", [])
        except TypeError as error:
            why = f"{self.path!r} cannot be called with an answer and its references ({error})"
            return [Problem("metrics", why, "Write def f(prediction, references) -> float")]
        except ValueError:  # functions written in C need not say what they take
            pass
        return []

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        return bool(getattr(self._function(), "higher_is_better", True))

    def score(self, prediction: str, references: Sequence[str]) -> float:
        """Returns what the function says; whatever it raises passes, to be counted by ``ftbench.stats.failures``.

        Raises:
            ValueError: when it returns no finite number.
        """
        returned = self._function()(prediction, list(references))
        if isinstance(returned, str) or not math.isfinite(float(returned)):
            raise ValueError(f"returned {returned!r}, which is no finite number")
        return float(returned)

    def place(self) -> str:
        """Returns ``file:line`` of the function."""
        function = inspect.unwrap(self._function())
        code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
        return self.path if code is None else f"{code.co_filename}:{code.co_firstlineno}"

    def failed_score(self, references: Sequence[str]) -> float:
        """Returns zero; where less is better zero would reward failing, so the empty text is scored instead."""
        return 0.0 if self.higher_is_better else self.score("", references)

    def signature(self) -> str:
        return f"{self.path}|mean|source:{(foreign_source(self.path) or 'ftbench')[:12]}"

    def _function(self) -> Callable[[str, list[str]], float]:
        module, _, name = self.path.rpartition(".")
        try:
            found = getattr(importlib.import_module(module), name)
        except (Exception, SystemExit) as error:  # its module may raise anything
            termination.check()
            why = (
                str(error)
                if isinstance(error, (ImportError, AttributeError, ValueError))
                else f"{type(error).__name__}: {error}"
            )
            raise FtbenchError(f"{self.path!r} cannot be imported ({why})") from error
        if not callable(found):
            raise FtbenchError(f"{self.path!r} is no function")
        return found
