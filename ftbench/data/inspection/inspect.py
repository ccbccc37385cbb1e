"""``data:`` of the configuration: how a dataset is checked, and what becomes of leaks.

    data.on_leak=refuse   a certain leak stops every cell of the dataset before anything is trained (the default)
    data.on_leak=drop     training rows (and documents) that leak are left out, counted, and listed in ``dropped.jsonl``
    data.on_leak=warn     leaks are said and change nothing

Evaluation rows are never dropped. ``drop`` changes what is trained and so is in the keys; ``refuse`` and ``warn`` are
in none.

Where the threshold comes from: on the official splits of banking77, xquad, gsm8k, mts_dialog, e2e_nlg, arc_challenge
and pubmedqa every pair above a likeness of 0.8 is the same question to a reader; from 0.7 on pairs appear that are not
("agreed with BSkyB", "agreed with Virgin Media"). At 0.8 a row with a twelfth of its letters in other words is always
found, in whatever order they stand; counted in words, nine in ten rows are found with one word in twenty replaced,
seven in ten with one in ten, few with more, and a row with another number in it is said and not refused. ``python -m
benchmarks.leaks`` measures both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ftbench.core.component import Component
from ftbench.core.errors import Problem, did_you_mean
from ftbench.core.example import SPLITS, Example, Splits
from ftbench.core.stage import VERSIONS
from ftbench.data.inspection.finding import Finding, counted
from ftbench.data.inspection.leaks import CERTAIN, Leak, find_leaks, shown_in
from ftbench.data.inspection.quality import labels, lengths, quality
from ftbench.data.inspection.rows import answer_text, prepare_rows, prompt_text
from ftbench.data.inspection.seen import seen_findings
from ftbench.data.inspection.wording import Wording, shortened

ON_LEAK = ("refuse", "drop", "warn")
PLAN_ROWS, PLAN_CHARACTERS = 5_000, 1_500_000
"""A plan looks at data up to this size itself, which takes a few seconds at most; larger data is checked by a stage
that runs before all others.
"""
SIMILARITY = 0.8
"""The threshold that ships, by which rows are also kept together when they are split off."""
SHOWN = 50
"""Findings of one kind that are told one by one."""
Benchmarks = Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class Inspection:
    """What the checks found.

    Attributes:
        findings: leaks first.
        dropped: training rows and documents that were left out, with ``id, split, kind, why``.
        facts: ``rows`` and ``lengths`` by split, ``labels`` or None.
    """

    findings: tuple[Finding, ...]
    dropped: tuple[dict[str, Any], ...]
    facts: dict[str, Any]

    def leaks(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.level == "leak"]

    def as_dict(self) -> dict[str, Any]:
        """Returns plain JSON, each kind of finding cut to what a person reads."""
        told = [finding.as_dict() for finding in shortened(self.findings, SHOWN)]
        return {**self.facts, "counts": counted(self.findings), "findings": told, "dropped": list(self.dropped)}


@dataclass(frozen=True)
class DataChecks(Component):
    """How data is checked.

    Attributes:
        on_leak: one of ``ON_LEAK``.
        similarity: likeness from which on two prompts are one reworded; see ``ftbench.data.inspection.likeness``.
    """

    axis: ClassVar[str] = "data"
    key_name: ClassVar[str] = "checks"

    NEUTRAL: ClassVar[tuple[str, ...]] = ("on_leak",)

    on_leak: str
    similarity: float

    def check(self) -> list[Problem]:
        problems = []
        if self.on_leak not in ON_LEAK:
            why = f"{self.on_leak!r} is none of its values"
            problems.append(Problem("data.on_leak", why, did_you_mean(self.on_leak, ON_LEAK)))
        if not 0.5 <= self.similarity <= 1:
            why = f"{self.similarity} is no likeness to go by"
            problems.append(Problem("data.similarity", why, "Use 0.5 to 1; 0.8 is usual"))
        return problems

    @property
    def drops(self) -> bool:
        """True when rows are left out, which every key must then tell."""
        return self.on_leak == "drop"

    def dropping(self) -> dict[str, Any]:
        """Returns what decides which rows are left out, for the key of the stage that does it."""
        return {**self.identity(), "rules": VERSIONS["check"]}

    def light(self, splits: Splits) -> bool:
        """Says whether the splits are small enough to be looked at while planning."""
        return small(
            [row for split in SPLITS for row in splits.split(split)],
            sum(len(document.text) for document in splits.documents),
        )

    def inspect(
        self, splits: Splits, dropped: Sequence[dict[str, Any]] = (), benchmarks: Benchmarks = ()
    ) -> Inspection:
        """Looks at everything.

        Args:
            splits: as they will be used.
            dropped: what was left out of them before.
            benchmarks: (task, id, text) of questions that are asked beside those of the dataset.
        """
        rows = prepare_rows(splits)
        found = Wording(splits).findings(find_leaks(splits, rows, self.similarity, benchmarks))
        found += [*seen_findings(splits), *quality(splits, rows, self.similarity)]
        order = {"leak": 0, "warning": 1, "note": 2}
        facts = {
            "rows": {split: len(splits.split(split)) for split in SPLITS},
            "lengths": lengths(splits),
            "labels": labels(splits),
        }
        return Inspection(tuple(sorted(found, key=lambda finding: order[finding.level])), tuple(dropped), facts)

    def shown(self, instruction: str, splits: Splits) -> list[Problem]:
        """Returns a problem for each evaluation row that an instruction shows as an example; none where leaks are only
        said.
        """
        if self.on_leak == "warn" or not self.light(splits):
            return []
        judged = [row for row in prepare_rows(splits) if row.split != "train"]
        return [
            replace(finding.problem(), where="prompt.instruction")
            for finding in Wording(splits).findings(shown_in(instruction, judged))
        ]

    def clean(self, splits: Splits, benchmarks: Benchmarks = ()) -> tuple[Splits, list[dict[str, Any]]]:
        """Leaves out training rows and documents that leak, and says which; everything where ``on_leak`` is not
        ``drop``.

        Again until nothing certain is left: with fewer rows, fewer runs of words are template.
        """
        dropped: list[dict[str, Any]] = []
        while self.drops:
            leaks = [
                leak
                for leak in find_leaks(splits, prepare_rows(splits), self.similarity, benchmarks)
                if leak.kind in CERTAIN and leak.source != "template"
            ]
            if not leaks:
                break
            words = Wording(splits)
            dropped += [_record(leak, words) for leak in leaks]
            gone = {(leak.source, leak.row) for leak in leaks}
            splits = replace(
                splits,
                train=tuple(row for row in splits.train if ("train", row.id) not in gone),
                documents=tuple(document for document in splits.documents if ("documents", document.id) not in gone),
            )
        if dropped:
            counts = {"dropped_leaks": len(dropped), "train": len(splits.train), "documents": len(splits.documents)}
            note = (
                f"dropped {len(dropped)} training rows or documents that leak (data.on_leak=drop); dropped.jsonl lists"
                " them"
            )
            splits = replace(splits, counts={**splits.counts, **counts}, notes=(*splits.notes, note))
        return splits, dropped


def small(rows: Sequence[Example], beside: int = 0) -> bool:
    """Says whether rows are few and short enough to be looked at while planning; ``beside`` counts characters that must
    be read with them.
    """
    if len(rows) > PLAN_ROWS:
        return False
    return beside + sum(len(prompt_text(row, False)) + len(answer_text(row)) for row in rows) <= PLAN_CHARACTERS


def _record(leak: Leak, words: Wording) -> dict[str, Any]:
    (finding,) = words.findings([leak])
    return {
        "id": leak.row,
        "split": leak.source,
        "kind": leak.kind,
        "against": [f"{split} {row}" for split, row in leak.against],
        "why": finding.why,
    }
