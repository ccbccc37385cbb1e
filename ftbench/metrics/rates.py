"""How often an answer is none: empty, a refusal, or cut off at the length cap. Less is better; a failed row counts as
the worst.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ftbench.core.errors import Problem
from ftbench.metrics.mean import MeanMetric


@dataclass(frozen=True)
class _Rate(MeanMetric):
    higher_is_better: ClassVar[bool] = False

    def failed_score(self, references: Sequence[str]) -> float:
        """Returns 1: failing must not pay where less is better (docs/mistakes.md, number 15)."""
        return 1.0


@dataclass(frozen=True)
class EmptyRate(_Rate):
    """Share of answers without a visible character, 0 to 1."""

    key_name: ClassVar[str] = "empty_rate"

    def score(self, prediction: str, references: Sequence[str]) -> float:
        return float(not prediction.strip())

    def signature(self) -> str:
        return "empty_rate|0-1|nothing but white space"


@dataclass(frozen=True)
class RefusalRate(_Rate):
    """Share of answers that decline to answer, 0 to 1.

    Attributes:
        patterns: regular expressions, any case, of which one at the start of an answer makes it a refusal.
    """

    key_name: ClassVar[str] = "refusal_rate"

    patterns: list[str]

    def check(self) -> list[Problem]:
        problems = []
        for pattern in self.patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                why = f"{pattern!r} is no regular expression ({error})"
                problems.append(Problem(f"{self.name}.patterns", why, "Mend it, or take it out"))
        return problems

    def score(self, prediction: str, references: Sequence[str]) -> float:
        text = prediction.strip().replace("\u2019", "'")
        return float(any(re.match(pattern, text, re.IGNORECASE) for pattern in self.patterns))

    def signature(self) -> str:
        return f"refusal_rate|0-1|at the start, any case:{' OR '.join(self.patterns)}"


@dataclass(frozen=True)
class CapRate(_Rate):
    """Share of answers that ran into the length cap, 0 to 1."""

    key_name: ClassVar[str] = "cap_rate"

    def score(self, prediction: str, references: Sequence[str]) -> float:
        raise TypeError("whether an answer was cut off is not in its text; give whole rows to statistics()")

    def _row_score(self, row: dict[str, Any]) -> float:
        return float(row["finish"] in ("length", "error"))

    def signature(self) -> str:
        return "cap_rate|0-1|finish:length"
