"""Human review of a sweep: what ``ftbench review`` left in ``SWEEP/review``, or how to start one."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftbench.analysis.reviewed import read_review, rows, trust
from ftbench.report.view.outputs import question
from ftbench.report.view.sweep import Sweep, read_lines
from ftbench.stats.preference import winner_first

FOLDER = "review"
CONCLUSIONS, LEDGER = ("conclusions.json", "conclusions.validation.json"), "verdicts.jsonl"
"""Of a review of test examples; of one of validation examples, which is shown where there is no other."""


@dataclass(frozen=True)
class Reading:
    """A comparison that raters parted over, or wrote about, with its texts.

    Attributes:
        question: None where the report has no text of it.
        answers: (name of the cell, what it said or None), twice.
        choices: (rater, what he chose, in words); ``comments`` (rater, what he wrote).
    """

    example: str
    question: str | None
    answers: tuple[tuple[str, str | None], ...]
    choices: tuple[tuple[str, str], ...]
    comments: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ReviewPage:
    """What is known of a sweep's review.

    Attributes:
        conclusions: what ``review stats --json`` said, or None.
        verdicts: rows of the ledger, corrected and withdrawn ones included.
        start: the commands that begin a review.
        problem: why the conclusions cannot be read, or None.
        readings: the comparisons worth reading.
    """

    conclusions: dict[str, Any] | None
    verdicts: int
    start: tuple[str, ...]
    problem: str | None
    readings: tuple[Reading, ...] = ()

    @property
    def ranking(self) -> list[list[str]]:
        """Head and rows of the ranked systems."""
        return rows(self.conclusions) if self.conclusions else []

    @property
    def pairs(self) -> list[dict[str, Any]]:
        """The compared pairs, each with its winner first: conclusions of earlier versions may have the loser there."""
        return [winner_first(pair) for pair in (self.conclusions or {}).get("pairs") or ()]


def agreement_of(sweep: Sweep, metric: str) -> str | None:
    """Returns how often a metric orders two answers as people did; None where nobody reviewed these cells."""
    found = read_review(sweep.folder, sweep.shown)
    return trust(found, metric) if found else None


def agreements(sweeps: Sequence[Sweep], metric: str) -> list[str]:
    """Returns what people say of a metric, from the first sweep whose cells they judged; empty where they
    judged none.
    """
    said = (agreement_of(sweep, metric) for sweep in sweeps)
    return [found for found in said if found is not None][:1]


def review_page(sweep: Sweep) -> ReviewPage:
    """Returns what the review of a sweep has come to."""
    folder = sweep.folder / FOLDER
    conclusions, problem = None, None
    concluded = next((path for name in CONCLUSIONS if (path := folder / name).is_file()), None)
    if concluded is not None:
        try:
            found = json.loads(concluded.read_text(encoding="utf-8"))
            conclusions = found if isinstance(found, dict) else None
        except (ValueError, OSError) as error:
            problem = (
                f"{concluded.name} cannot be read ({error}). Make it again: import any of the sheets (python -m ftbench"
                " review import), which counts nothing twice"
            )
    verdicts = 0
    if (folder / LEDGER).is_file():
        with open(folder / LEDGER, encoding="utf-8", errors="replace") as file:
            verdicts = sum(1 for line in file if line.strip())
    return ReviewPage(
        conclusions, verdicts, _start(sweep), problem, _readings(sweep, conclusions) if conclusions else ()
    )


def _start(sweep: Sweep) -> tuple[str, ...]:
    """Returns the commands that begin a review, to be typed where the sweep was run."""
    parts = sweep.folder.parts
    name = shlex.quote("/".join(parts[parts.index("multirun") :]) if "multirun" in parts else sweep.folder.name)
    done = [row.label for row in sweep.rows.values() if row.done]
    cells = shlex.quote(",".join(done[:2]) if len(done) > 1 else "BASELINE,CELL")
    return (
        f"python -m ftbench review make {name} --cells {cells}",
        f"python -m ftbench review import FILE --sweep {name}",
        f"python -m ftbench review stats {name}",
    )


def _readings(sweep: Sweep, found: Mapping[str, Any]) -> tuple[Reading, ...]:
    """Returns the disagreements with their texts, as far as the sweep's stages hold them."""
    shown = found.get("disagreements") or ()
    names, split = found.get("systems") or {}, str(found.get("split") or "test")
    wanted = {one["example"] for one in shown}
    cells = {one[side] for one in shown for side in ("first", "second") if one[side] in sweep.cells}
    asked: dict[str, dict[str, Any]] = {}
    said = {}
    for cell in cells:
        said[cell] = _lines(sweep.folder_of(cell, f"generate.{split}"), "outputs.jsonl", wanted)
        asked |= _lines(sweep.folder_of(cell, "prepare"), f"{split}.jsonl", wanted - asked.keys())
        asked |= {name: row for name, row in said[cell].items() if name not in asked}
    read = []
    for one in shown:
        example, sides = one["example"], (one["first"], one["second"])
        labels = [str(names.get(side, side)) for side in sides]
        words = {"a": f"prefers {labels[0]}", "b": f"prefers {labels[1]}", "tie": "a tie", "both_bad": "both bad"}
        texts = [(said.get(side) or {}).get(example) for side in sides]
        read.append(
            Reading(
                str(example),
                question(asked[example]) if example in asked else None,
                tuple(
                    (label, None if row is None else str(row.get("output") or ""))
                    for label, row in zip(labels, texts, strict=True)
                ),
                tuple(
                    (str(voice["rater"]), words.get(voice["choice"], str(voice["choice"])))
                    for voice in one.get("choices") or ()
                ),
                tuple((str(voice["rater"]), str(voice["text"])) for voice in one.get("comments") or ()),
            )
        )
    return tuple(read)


def _lines(folder: Path | None, file: str, wanted: set[str]) -> dict[str, dict[str, Any]]:
    if folder is None or not (folder / file).is_file() or not wanted:
        return {}
    return {row["id"]: row for row in read_lines(folder / file) if row["id"] in wanted}
