"""Exact match of the value inside an answer, not of its wording.

A styled answer can earn a high BLEU with the wrong fact in it, so this stands beside the text metrics. A dataset whose
references are sentences names the pattern that finds the value (``dataset.answer_pattern``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ftbench.core.errors import Problem, Problems, did_you_mean
from ftbench.metrics.mean import MeanMetric
from ftbench.metrics.normalise import NORMALISATIONS


@dataclass(frozen=True)
class ExactMatch(MeanMetric):
    """Share of answers with the right value, 0 to 1.

    Without a pattern an answer is right if it equals a reference after normalisation. With one, its value must equal a
    reference's value; where the pattern does not match the answer (it is worded otherwise), the value of a reference
    must stand in it as whole words.

    Attributes:
        pattern: regular expression with one group, the value; null compares whole texts.
        normalisation: one of ``ftbench.metrics.normalise``, such as none, plain or squad.
        ignore: regular expressions whose every match is taken out of both texts first, in this order.
    """

    key_name: ClassVar[str] = "exact_match"

    pattern: str | None
    normalisation: str
    ignore: list[str]

    def check(self) -> list[Problem]:
        problems = Problems()
        if self.normalisation not in NORMALISATIONS:
            fix = did_you_mean(self.normalisation, NORMALISATIONS)
            problems.add(f"{self.name}.normalisation", f"{self.normalisation!r} is not offered", fix)
        for ignored in self.ignore:
            try:
                re.compile(ignored)
            except re.error as error:
                why = f"{ignored!r} is no regular expression ({error})"
                problems.add(f"{self.name}.ignore", why, "Mend it, or take it out")
        if self.pattern is not None:
            try:
                groups = re.compile(self.pattern).groups
            except re.error as error:
                why = f"{self.pattern!r} is no regular expression ({error})"
                problems.add("dataset.answer_pattern", why, "Mend it, or set it to null")
            else:
                if groups != 1:
                    fix = "Put one pair of brackets round the value, (?:...) round anything else"
                    problems.add("dataset.answer_pattern", f"{self.pattern!r} has {groups} groups, one is needed", fix)
        return problems

    def score(self, prediction: str, references: Sequence[str]) -> float:
        if self.ignore:
            prediction, references = self._bare(prediction), [self._bare(reference) for reference in references]
        if self.pattern is None:
            return float(any(self._equal(prediction, reference) for reference in references))
        values = [self._value(reference) or reference for reference in references]
        found = self._value(prediction)
        if found is not None:
            return float(any(self._equal(found, value) for value in values))
        return float(any(self._contains(prediction, value) for value in values))

    def signature(self) -> str:
        compared = "text" if self.pattern is None else f"value({self.pattern}), else contained"
        ignored = f"|ignore:{' '.join(self.ignore)}" if self.ignore else ""
        return f"exact_match|0-1|refs:any|compare:{compared}|normalise:{self.normalisation}{ignored}"

    def _bare(self, text: str) -> str:
        for pattern in self.ignore:
            text = re.sub(pattern, "", text)
        return text

    def _value(self, text: str) -> str | None:
        match = re.search(self.pattern, text)
        return match.group(1) if match else None

    def _equal(self, left: str, right: str) -> bool:
        normalise = NORMALISATIONS[self.normalisation]
        a, b = normalise(left), normalise(right)
        # a text of nothing but punctuation normalises to nothing; two such texts are equal only if they really are
        return a == b if a or b else left.strip() == right.strip()

    def _contains(self, text: str, value: str) -> bool:
        normalise = NORMALISATIONS[self.normalisation]
        words, wanted = normalise(text).split(), normalise(value).split()
        return bool(wanted) and any(words[i : i + len(wanted)] == wanted for i in range(len(words) - len(wanted) + 1))
