"""Verdicts of an LLM judge: rows with ``example_id, system_a, system_b, choice`` and, where known, ``order``.

``order`` is ``ab`` or ``ba``, whichever was shown first; or a number, as a sweep's judge stages write it, where
``system_a`` always is what was shown first and the number tells the asking.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ftbench.core.canonical import digest
from ftbench.core.errors import FtbenchError
from ftbench.core.plan import Plan
from ftbench.review.evidence import CHOICES, A, B, Evidence, Verdict, turned
from ftbench.store.store import Store

STAGE, FILE = "judge", "verdicts.jsonl"
COLUMNS = ("example_id", "system_a", "system_b", "choice")


def read_judge(name: str, rows: Sequence[tuple[str, Mapping[str, Any]]], evidence: Evidence) -> None:
    """Adds a judge's verdicts on systems of the evidence, named by id or label; others are counted and left out.

    Args:
        name: of the judge.
        rows: place and values of each row, such as ``judge.csv:7`` and ``example_id, system_a, system_b, choice``.
        evidence: takes them.

    Raises:
        FtbenchError: for a row that lacks one of these.
    """
    for place, row in rows:
        # a choice that is null is a reply that nobody could read
        missing = [name for name in COLUMNS if name not in row or (name != "choice" and row[name] in (None, ""))]
        if missing:
            raise FtbenchError(f"--judge {place}: has no {', '.join(missing)}. Each row needs {', '.join(COLUMNS)}")
        if _choice(row["choice"]) is None:
            evidence.problems.append(f"{place}: choice {row['choice']!r} is none of {', '.join(CHOICES)}")
    _add(name, [row for _, row in rows], evidence)


def read_judge_stages(plan: Plan, store: Store, split: str, evidence: Evidence) -> None:
    """Adds what the judges of a sweep said of pairs of its own systems."""
    found: dict[str, list[dict[str, Any]]] = {}
    for stage in plan.stages.values():
        folder = store.find(stage.key) if stage.kind == STAGE and stage.config.get("split") == split else None
        if folder is not None and (folder / FILE).is_file():
            rows = [json.loads(line) for line in (folder / FILE).read_text(encoding="utf-8").splitlines()]
            found.setdefault(digest(stage.spec.get("metric")), []).extend(
                row for row in rows if _choice(row["choice"]) is not None
            )
    for number, rows in enumerate(found.values(), start=1):
        _add("judge" if len(found) == 1 else f"judge {number}", rows, evidence)


def _add(judge: str, rows: Sequence[Mapping[str, Any]], evidence: Evidence) -> None:
    names = (
        evidence.aliases
        | {label: system for system, label in evidence.systems.items()}
        | {system: system for system in evidence.systems}
    )
    order = {system: place for place, system in enumerate(evidence.systems)}
    clusters = {one.example: one.cluster for one in (*evidence.verdicts, *evidence.ratings)}
    unknown, said = 0, []
    for row in rows:
        choice = _choice(row["choice"])
        first, second = names.get(str(row["system_a"])), names.get(str(row["system_b"]))
        if first is None or second is None or first == second:
            unknown += 1
            continue
        if choice is None:
            continue
        order_shown = str(row.get("order"))  # a number where system_a was shown first, in a CSV as text
        left = A if order_shown.isdecimal() else {"ab": A, "ba": B}.get(order_shown)
        if order[first] > order[second]:
            first, second, choice, left = second, first, turned(choice), turned(left) if left else None
        example = str(row["example_id"])
        said.append(
            Verdict(
                example, clusters.get(example, example), first, second, judge, choice, left, evidence.overall, False
            )
        )
    if said:
        evidence.judges[judge] = said
    if unknown:
        evidence.notes.append(f"{unknown} verdicts of {judge} are on systems that people did not review")


def _choice(said: Any) -> str | None:
    """Returns a choice, None for anything else: a judge whose reply could not be read, or who gave a score."""
    word = said.casefold() if isinstance(said, str) else None
    return word if word in CHOICES else None
