"""Answers that were produced elsewhere (an API, a colleague's run), as a model: scored, tested and ranked like any other."""

from __future__ import annotations

import json
from collections.abc import Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from ftbench.core.canonical import file_digest
from ftbench.core.component import Component
from ftbench.core.errors import FtbenchError, Problem, Refused

FINISHES = ("stop", "length", "error")
SHOWN = 5


@dataclass(frozen=True)
class Recorded(Component):
    """A file of answers. It gives no log-probabilities, cannot be trained, and what its answers cost is unknown.

    It is deployable: some system gave these answers and can be taken. Only what it costs is not known here.

    Attributes:
        outputs: JSONL with ``id`` and ``output`` per line, and perhaps ``finish`` (stop, length, error), as ``outputs.jsonl`` has it.
        records: tells the compiler and the generate stage that nothing is asked.
        weights: False: there is no model to load, train or merge.
    """

    NEUTRAL = ("outputs",)
    records: ClassVar[bool] = True
    weights: ClassVar[bool] = False
    log_probabilities: ClassVar[bool] = False

    outputs: str

    def identity(self) -> dict[str, Any]:
        """Returns the hash of the file's bytes: other answers are another model, wherever they lie."""
        path = Path(self.outputs).expanduser()
        return {**super().identity(), "file": file_digest(path) if path.is_file() else None}

    def check(self) -> list[Problem]:
        try:
            self.answers()
        except Refused as refused:
            return refused.problems
        return []

    def locate(self) -> Recorded:
        return replace(self, outputs=str(Path(self.outputs).expanduser().resolve()))

    def notes(self) -> list[str]:
        return ["recorded answers: produced elsewhere, so their cost is unknown"]

    def resolved(self) -> bool:
        return True

    def whole(self) -> Recorded:
        return self

    def moved(self, folder: Path) -> Recorded:
        raise FtbenchError(f"model.outputs={self.outputs}: recorded answers have no weights to replace. Take method=none")

    def load(self, device: str) -> Any:
        raise FtbenchError(f"model.outputs={self.outputs}: recorded answers are no model that could be loaded. Compile the plan again")

    def coverage(self, wanted: Set[str], given: Set[str]) -> list[str]:
        """Returns one line for examples without an answer, which count as failed, and one for answers without an example, which count for nothing."""
        absent, extra = len(wanted - given), len(given - wanted)
        notes = [f"{absent} of {len(wanted)} examples {'has' if absent == 1 else 'have'} no recorded answer"] if absent else []
        return notes + ([f"{extra} recorded answer{'s belong' if extra > 1 else ' belongs'} to no example"] if extra else [])

    def answers(self) -> dict[str, dict[str, Any]]:
        """Returns id -> row with ``output`` and ``finish``.

        Raises:
            Refused: with one problem for each line that cannot be used, at most a handful.
        """
        path = Path(self.outputs).expanduser()
        try:
            lines = path.read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = "is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else "cannot be read"
            raise Refused([Problem(f"model.outputs={self.outputs}", reason, "Name a JSONL file with id and output on every line")]) from error
        found: dict[str, dict[str, Any]] = {}
        problems: list[Problem] = []
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            row, why = _row(line)
            if why is None and row["id"] in found:
                why = f"the id {row['id']!r} stands twice"
            if why is not None:
                problems.append(Problem(f"{path.name}:{number}", why, 'Write {"id": "...", "output": "..."}'))
                continue
            found[row["id"]] = row
        if not found and not problems:
            problems.append(Problem(f"model.outputs={self.outputs}", "holds no answers", "Write one JSON object a line, with id and output"))
        if problems:
            more = [Problem(path.name, f"{len(problems) - SHOWN} more lines cannot be used", "Mend them too")] if len(problems) > SHOWN else []
            raise Refused([*problems[:SHOWN], *more])
        return found


def _row(line: str) -> tuple[dict[str, Any], str | None]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {}, f"is no JSON ({error})"
    if not isinstance(row, dict):
        return {}, "is no JSON object"
    if isinstance(row.get("id"), bool) or not isinstance(row.get("id"), (str, int)):
        return {}, f"has {'no id' if 'id' not in row else 'an id that is neither text nor a whole number'}"
    if not isinstance(row.get("output"), str):
        return {}, f"has {'no output' if 'output' not in row else 'an output that is no text'}"
    finish = row.get("finish", "stop")
    if finish not in FINISHES:
        return {}, f"has the finish {finish!r}, which is none of {', '.join(FINISHES)}"
    return {"id": str(row["id"]), "output": row["output"], "finish": finish}, None
