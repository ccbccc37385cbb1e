"""Whether the number that an answer ends in is the right one, as for worked maths problems (GSM8K).

The number after the marker (``####``) counts; an answer without it is read by its last number. Thousands separators,
currency and trailing zeros do not matter: ``$1,200.00`` is ``1200``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import ClassVar

from ftbench.metrics.mean import MeanMetric

NUMBER = re.compile(r"[-\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[-\u2212]?\.\d+")
LONGEST = 60
"""Digits; a longer run is babble and no number."""


@dataclass(frozen=True)
class NumericAnswer(MeanMetric):
    """Share of answers with the right number, 0 to 1.

    Attributes:
        marker: text before the final number; null takes the last number always.
    """

    key_name: ClassVar[str] = "numeric"

    marker: str | None

    def score(self, prediction: str, references: Sequence[str]) -> float:
        found = self.number(prediction)
        return float(found is not None and any(found == self.number(reference) for reference in references))

    def number(self, text: str) -> Decimal | None:
        """Returns the number that ``text`` ends in, None where there is none."""
        if self.marker is not None and self.marker in text:
            marked = NUMBER.search(text.rpartition(self.marker)[2])
            if marked is not None:
                return _decimal(marked.group())
        numbers = NUMBER.findall(text)
        return _decimal(numbers[-1]) if numbers else None

    def signature(self) -> str:
        return f"numeric|0-1|refs:any|marker:{self.marker or 'none'}, else the last number|exact decimal"


def _decimal(text: str) -> Decimal | None:
    if len(text) > LONGEST:
        return None
    try:
        return Decimal(text.replace(",", "").replace("\u2212", "-"))
    except InvalidOperation:
        return None
