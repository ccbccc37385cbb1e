"""Corpus BLEU by sacreBLEU, 0 to 100, any number of references per example, with its signature.

The sufficient statistics of an example are sacreBLEU's own counts, so that a bootstrap resample is scored as a corpus
and never as a mean of sentence scores (docs/mistakes.md, number 16).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ftbench.core.components.metric import Metric
from ftbench.core.errors import Problem, did_you_mean

TOKENIZERS = ("13a", "intl", "char", "zh", "none")
REFERENCE_LENGTHS = ("closest", "shortest")
SMOOTHING = {"exp": None, "none": None, "floor": 0.1, "add-k": 1.0}


@dataclass(frozen=True)
class Bleu(Metric):
    """sacreBLEU over the whole test set.

    Attributes:
        tokenize: one of sacreBLEU's tokenizers that need no download: 13a, intl, char, zh, none.
        lowercase: compare without case.
        smooth_method: exp, floor, add-k or none.
        smooth_value: for floor and add-k; null takes sacreBLEU's default.
        max_ngram_order: longest n-gram counted.
        effective_order: leave out orders that the corpus is too short for.
        reference_length: which of an example's references the brevity penalty feels: the ``closest`` in length to the
            answer (sacreBLEU, Papineni et al. 2002), or the ``shortest`` (NIST's mteval, ``evaluate.load("bleu")``).
    """

    key_name: ClassVar[str] = "bleu"

    tokenize: str
    lowercase: bool
    smooth_method: str
    smooth_value: float | None
    max_ngram_order: int
    effective_order: bool
    reference_length: str

    highest: ClassVar[float] = 100.0

    def check(self) -> list[Problem]:
        problems = []
        for field, options in (
            ("tokenize", TOKENIZERS),
            ("smooth_method", tuple(SMOOTHING)),
            ("reference_length", REFERENCE_LENGTHS),
        ):
            value = vars(self)[field]
            if value not in options:
                why = f"{value!r} is not offered"
                problems.append(Problem(f"{self.name}.{field}", why, did_you_mean(value, options)))
        if not 1 <= self.max_ngram_order <= 9:
            why = f"{self.max_ngram_order} is out of range"
            problems.append(Problem(f"{self.name}.max_ngram_order", why, "Take 1 to 9; BLEU is 4"))
        return problems

    def statistics(self, rows: Sequence[dict[str, Any]]) -> np.ndarray:
        """Returns float64 [n, 2 + 2 * order]: answer length, reference length, matches and counts by order.

        An empty or failed answer has length and counts 0 and keeps its reference length, which the brevity penalty
        feels.
        """
        counter = self._sacrebleu("none")
        order = self.max_ngram_order
        table = [_segment(counter, _text(row), list(row["references"]) or [""]) for row in rows]
        return np.array(table, dtype=np.float64).reshape(len(rows), 2 + 2 * order)

    def value(self, totals: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Returns BLEU [...] of summed statistics [..., 2 + 2 * order]; NaN over no example."""
        totals = np.asarray(totals, dtype=np.float64)
        order = self.max_ngram_order
        answer, reference = totals[..., 0], totals[..., 1]
        matches, counts = totals[..., 2 : 2 + order].copy(), totals[..., 2 + order :].copy()
        none_right = ~np.any(matches > 0, axis=-1)
        extra = SMOOTHING[self.smooth_method] if self.smooth_value is None else self.smooth_value
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            brevity = np.where(answer < reference, np.where(answer > 0, np.exp(1 - reference / answer), 0.0), 1.0)
            if self.smooth_method == "add-k":
                matches[..., 1:] += extra
                counts[..., 1:] += extra
            # sacreBLEU stops at the first order without any n-gram; whatever stands behind it counts as precision 0
            reached = np.cumprod(counts > 0, axis=-1).astype(bool)
            precision = 100.0 * matches / counts
            missed = reached & (matches == 0)
            if self.smooth_method == "exp":
                precision = np.where(missed, 100.0 / (2.0 ** np.cumsum(missed, axis=-1) * counts), precision)
            elif self.smooth_method == "floor":
                precision = np.where(missed, 100.0 * extra / counts, precision)
            precision = np.where(reached, precision, 0.0)
            logs = np.where(precision > 0, np.log(precision), -9999999999.0)
            if self.effective_order:
                used = np.maximum(reached.sum(axis=-1), 1)
                mean_log = np.where(reached, logs, 0.0).sum(axis=-1) / used
            else:
                mean_log = logs.sum(axis=-1) / order
            score = np.where(none_right, 0.0, brevity * np.exp(mean_log))
        return np.where(np.asarray(n) > 0, score, np.nan)

    def corpus(self, rows: Sequence[dict[str, Any]]) -> float:
        """Returns BLEU of all rows as sacreBLEU itself computes it."""
        if not rows:
            return float("nan")
        references = [list(row["references"]) or [""] for row in rows]
        widest = max(map(len, references))
        # sacreBLEU wants streams, one per reference position; None stands where an example has fewer references
        streams = [[refs[k] if k < len(refs) else None for refs in references] for k in range(widest)]
        return float(self._sacrebleu(self.smooth_method).corpus_score([_text(row) for row in rows], streams).score)

    def signature(self) -> str:
        """Returns sacreBLEU's signature; ``nrefs`` is left to ``signature_of``, which sees the data."""
        return self._format_signature(None)

    def signature_of(self, rows: Sequence[dict[str, Any]]) -> str:
        """Returns sacreBLEU's signature for these rows, ``nrefs:var`` where the number of references varies."""
        found = {len(row["references"]) or 1 for row in rows}
        return self._format_signature(found.pop() if len(found) == 1 else -1)

    def _format_signature(self, references: int | None) -> str:
        scorer = self._sacrebleu(self.smooth_method)
        scorer.num_refs = references
        length = "" if self.reference_length == "closest" else f"|reflen:{self.reference_length}"
        return scorer.get_signature().format() + length

    def _sacrebleu(self, smooth_method: str) -> Any:
        from sacrebleu.metrics import BLEU

        class Shortest(BLEU):
            def _get_closest_ref_len(self, hyp_len: int, ref_lens: list[int]) -> int:
                return min(ref_lens)

        return (BLEU if self.reference_length == "closest" else Shortest)(
            lowercase=self.lowercase,
            force=True,
            tokenize=self.tokenize,
            smooth_method=smooth_method,
            smooth_value=self.smooth_value if smooth_method in ("floor", "add-k") else None,
            max_ngram_order=self.max_ngram_order,
            effective_order=self.effective_order,
        )


def _text(row: dict[str, Any]) -> str:
    return "" if row["finish"] == "error" else row["output"]


def _segment(counter: Any, prediction: str, references: list[str]) -> list[float]:
    score = counter.corpus_score([prediction], [[reference] for reference in references])
    return [score.sys_len, score.ref_len, *score.counts, *score.totals]
