"""Verdicts of an LLM judge: JSONL with ``example_id, system_a, system_b, choice`` and, where known, ``order`` (``ab`` or ``ba``)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ftbench.core.errors import FtbenchError
from ftbench.review.evidence import A, B, CHOICES, Evidence, Verdict, turned


def read_judge(path: Path, evidence: Evidence) -> None:
    """Adds a judge's verdicts on systems of the evidence, named by id or label; others are counted and left out.

    Raises:
        FtbenchError: for a file that is none of these.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FtbenchError(f"--judge {path}: cannot be read ({getattr(error, 'strerror', None) or 'no UTF-8'}). Name a JSONL file") from None
    add_judge(((number, line) for number, line in enumerate(lines, start=1) if line.strip()), str(path), evidence)


def add_judge(lines: Iterable[tuple[int, str]], where: str, evidence: Evidence) -> None:
    """Adds the verdicts of numbered JSON lines."""
    names = {label: system for system, label in evidence.systems.items()} | {system: system for system in evidence.systems}
    order = {system: place for place, system in enumerate(evidence.systems)}
    clusters = {one.example: one.cluster for one in (*evidence.verdicts, *evidence.ratings)}
    unknown = 0
    for number, line in lines:
        try:
            data = json.loads(line)
            example, one, other, choice = (data[name] for name in ("example_id", "system_a", "system_b", "choice"))
        except (ValueError, KeyError, TypeError) as error:
            raise FtbenchError(f"--judge {where}:{number}: is no verdict ({error}). Each line needs example_id, system_a, system_b, choice") from None
        if choice not in CHOICES:
            evidence.problems.append(f"{where}:{number}: choice {choice!r} is none of {', '.join(CHOICES)}")
            continue
        if one not in names or other not in names or names[one] == names[other]:
            unknown += 1
            continue
        first, second = names[one], names[other]
        left = {"ab": A, "ba": B}.get(data.get("order"))
        if order[first] > order[second]:
            first, second, choice, left = second, first, turned(choice), turned(left) if left else None
        example = str(example)
        evidence.judge.append(Verdict(example, clusters.get(example, example), first, second, "judge", choice, left, evidence.overall, False))
    if unknown:
        evidence.notes.append(f"{unknown} verdicts of the judge are on systems that people did not review")
