"""Human review of a sweep: what ``ftbench review`` left in ``SWEEP/review``, or how to start one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ftbench.report.reviewed import read_review, rows, trust
from ftbench.report.view.sweep import Sweep

FOLDER = "review"
CONCLUSIONS, LEDGER = "conclusions.json", "verdicts.jsonl"


@dataclass(frozen=True)
class ReviewPage:
    """What is known of a sweep's review.

    Attributes:
        conclusions: what ``review stats --json`` said, or None.
        verdicts: rows of the ledger, corrected and withdrawn ones included.
        start: the commands that begin a review.
        problem: why the conclusions cannot be read, or None.
    """

    conclusions: dict[str, Any] | None
    verdicts: int
    start: tuple[str, ...]
    problem: str | None

    @property
    def ranking(self) -> list[list[str]]:
        """Head and rows of the ranked systems."""
        return rows(self.conclusions) if self.conclusions else []


def agreement_of(sweep: Sweep, metric: str) -> str | None:
    """Returns how often a metric orders two answers as people did; None where nobody reviewed these cells."""
    found = read_review(sweep.folder, sweep.shown)
    return trust(found, metric) if found else None


def review_page(sweep: Sweep) -> ReviewPage:
    """Returns what the review of a sweep has come to."""
    folder = sweep.folder / FOLDER
    conclusions, problem = None, None
    if (folder / CONCLUSIONS).is_file():
        try:
            found = json.loads((folder / CONCLUSIONS).read_text(encoding="utf-8"))
            conclusions = found if isinstance(found, dict) else None
        except (ValueError, OSError) as error:
            problem = f"{CONCLUSIONS} cannot be read ({error}). Make it again: python -m ftbench review stats"
    verdicts = 0
    if (folder / LEDGER).is_file():
        with open(folder / LEDGER, encoding="utf-8", errors="replace") as file:
            verdicts = sum(1 for line in file if line.strip())
    name = sweep.folder.name if sweep.folder.is_absolute() else str(sweep.folder)
    start = (f"python -m ftbench review make {name}", "python -m ftbench review import FILE", "python -m ftbench review stats")
    return ReviewPage(conclusions, verdicts, start, problem)
