"""Leaks in words: one line each, with the rows, their files where known, and what to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ftbench.core.example import SPLITS, Splits
from ftbench.data.inspection.finding import Finding, listed
from ftbench.data.inspection.leaks import Leak
from ftbench.data.inspection.rows import prompt_text
from ftbench.text.terminal import excerpt

OUT = "Take it out of the training rows (few-shot examples are drawn from them too), or set data.on_leak=drop"
LOOK = "Look at both; take the training row out if it is the same case"
FIXES = {
    "same_row": OUT,
    "reworded_row": OUT,
    "quoted_row": OUT,
    "shared_group": "Keep each group on one side (dataset.test=null splits by group), or set data.on_leak=drop",
    "shown_row": (
        "Show other examples in the prompt: rows of the train split (context=few_shot), or none that is evaluated"
    ),
    "trained_document": "Leave the document to retrieval and out of the training rows, or set data.on_leak=drop",
    "later_document": (
        "Take out documents that were not there yet when the question was asked, or set data.on_leak=drop"
    ),
    "benchmark_row": f"{OUT}; else the benchmark measures memory",
    "varied_row": LOOK,
    "same_answer": LOOK,
    "quoting_document": (
        "Leave out the evaluated case itself; date documents (dataset.document_time) to have later ones refused"
    ),
    "between_evaluations": "Keep it in one of the two: what is tuned on validation is scored on test",
}


class Wording:
    """Words the leaks of one dataset."""

    def __init__(self, splits: Splits) -> None:
        self._texts = {(split, row.id): prompt_text(row) for split in SPLITS for row in splits.split(split)}
        self._places = splits.places

    def findings(self, leaks: Sequence[Leak]) -> list[Finding]:
        """Returns a finding for each leak; rows of one group, and document, are one finding."""
        gathered: dict[tuple[str, str], list[Leak]] = defaultdict(list)
        for leak in leaks:
            gathered[leak.kind, leak.detail if leak.kind == "shared_group" else f"{leak.source} {leak.row}"].append(
                leak
            )
        return [self._finding(same) for same in gathered.values()]

    def _finding(self, leaks: Sequence[Leak]) -> Finding:
        leak = leaks[0]
        other = f"{self.name(*leak.against[0])}" + (
            f" (and {len(leak.against) - 1} more)" if len(leak.against) > 1 else ""
        )
        said = excerpt(self._texts.get(leak.against[0], ""))
        degree = "" if leak.degree is None else f"{leak.degree:.2f}"
        why = {
            "same_row": f"has the prompt of {other}, at most in other case, spacing or punctuation: {said}",
            "reworded_row": (
                f"is {other} reworded (likeness {degree}): {excerpt(self._texts.get((leak.source, leak.row), ''))} and"
                f" {said}"
            ),
            "quoted_row": f"holds the prompt of {other} inside other text: {said}",
            "shared_group": self._group(leaks),
            "shown_row": (
                f"{other} stands in the prompt that every row is asked with, a worked example that is evaluated: {said}"
            ),
            "trained_document": (
                f"is made of document {leak.detail!r}, which holds the answer to {other}: there to retrieve from, not"
                " to train on"
            ),
            "later_document": f"is dated after {other}, which it may be shown to ({leak.detail})",
            "benchmark_row": (
                f"holds a question of the benchmark {leak.against[0][0]}: {listed([name for _, name in leak.against])}"
            ),
            "varied_row": (
                f"is like {other} (likeness {degree}) but for names, numbers, signs or what the answers say: {said}"
            ),
            "same_answer": f"has the long answer of {other}, which no other row has, to another prompt",
            "quoting_document": f"holds the prompt of {other} word by word, and is not dated: {said}",
            "between_evaluations": f"is {other}, or nearly (likeness {degree}): {said}",
        }[leak.kind]
        level = "leak" if leak.certain else "warning"
        return Finding(
            leak.kind,
            level,
            self._where(leaks),
            why,
            FIXES[leak.kind],
            len(leaks),
            tuple(one.row for one in leaks)[:20],
        )

    def _where(self, leaks: Sequence[Leak]) -> str:
        leak = leaks[0]
        if leak.kind == "shared_group":
            return f"group {leak.detail!r}"
        if leak.source == "template":
            return "dataset.prompt or dataset.system"
        return f"document {leak.row!r}" if leak.source == "documents" else self.name(leak.source, leak.row)

    def _group(self, leaks: Sequence[Leak]) -> str:
        judged: dict[str, list[str]] = defaultdict(list)
        for split, row in dict.fromkeys(pair for leak in leaks for pair in leak.against):
            judged[split].append(row)
        evaluated = " and ".join(f"{split} ({listed(rows)})" for split, rows in judged.items())
        return f"stands in train (rows {listed([leak.row for leak in leaks])}) and in {evaluated}"

    def name(self, split: str, row: str) -> str:
        """Returns ``test row 'test-3' (test.jsonl:4)``, the place where it is known."""
        place = self._places.get(row)
        return f"{split} row {row!r}" + (f" ({place})" if place else "")


def shortened(findings: Sequence[Finding], most: int) -> list[Finding]:
    """Returns at most ``most`` findings of each kind, the last of a kind that was cut saying how many more
    there are.
    """
    kinds: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        kinds[finding.kind].append(finding)
    kept: list[Finding] = []
    for kind, same in kinds.items():
        kept += same[:most]
        rest = same[most:]
        if rest:
            rows = tuple(row for finding in rest for row in finding.rows)[:20]
            kept.append(
                Finding(
                    kind,
                    rest[0].level,
                    f"{len(rest)} more",
                    f"are of the same kind ({kind}): {listed(rows, 10)}",
                    rest[0].fix,
                    sum(one.count for one in rest),
                    rows,
                )
            )
    return kept
