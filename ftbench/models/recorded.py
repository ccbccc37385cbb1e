"""Answers that were produced elsewhere (an API, a colleague's run), as a model: scored, tested and ranked like any
other.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from ftbench.core.canonical import file_digest
from ftbench.core.components.model import Model
from ftbench.core.errors import Problem, Refused
from ftbench.data.outside import PREDICTIONS, Table, read_table, refuse
from ftbench.data.readers import file_format

FINISHES = ("stop", "length", "error")


@dataclass(frozen=True)
class Recorded(Model):
    """A file of answers. It gives no log-probabilities, cannot be trained, and what its answers cost is unknown.

    It is deployable: some system gave these answers and can be taken. Only what it costs is not known here.

    Attributes:
        outputs: file with ``id`` and ``output`` per row, and perhaps ``finish`` (stop, length, error), as
            ``outputs.jsonl`` has it: JSON lines, ``.json``, ``.csv``, ``.tsv`` or ``.parquet``, each also with ``.gz``.
        records: tells the compiler and the generate stage that nothing is asked.
        has_weights: False: there is no model to load, train or merge.
    """

    key_name: ClassVar[str] = "recorded"

    NOT_HASHED = ("outputs",)
    records: ClassVar[bool] = True
    has_weights: ClassVar[bool] = False
    log_probabilities: ClassVar[bool] = False

    outputs: str

    def identity(self) -> dict[str, Any]:
        """Returns the hash of the file's bytes: other answers are another model, wherever they lie."""
        path = Path(self.outputs).expanduser()
        # the same bytes are other rows between commas and between tabs
        ending = file_format(path)
        told = {"format": ending} if ending in (".csv", ".tsv") else {}
        return {**super().identity(), "file": file_digest(path) if path.is_file() else None, **told}

    def check(self) -> list[Problem]:
        try:
            self.answers()
        except Refused as refused:
            return refused.problems
        return []

    def resolve(self) -> Recorded:
        return replace(self, outputs=str(Path(self.outputs).expanduser().resolve()))

    def notes(self) -> list[str]:
        return ["recorded answers: produced elsewhere, so their cost is unknown"]

    def coverage(self, wanted: Set[str], given: Set[str]) -> list[str]:
        """Returns one line for examples without an answer, which count as failed, and one for answers without an
        example, which count for nothing.
        """
        absent, extra = len(wanted - given), len(given - wanted)
        notes = (
            [f"{absent} of {len(wanted)} examples {'has' if absent == 1 else 'have'} no recorded answer"]
            if absent
            else []
        )
        return notes + (
            [f"{extra} recorded answer{'s belong' if extra > 1 else ' belongs'} to no example"] if extra else []
        )

    def answers(self) -> dict[str, dict[str, Any]]:
        """Returns id -> row with ``output`` and ``finish``.

        Raises:
            Refused: with one problem for each row that cannot be used, at most a handful.
        """
        path = Path(self.outputs).expanduser()
        table = read_table(path, path.name)
        ids = table.ids()
        if ids is None:
            fix = "Give each row an id and an output"
            raise Refused([Problem(table.shown, f"has no column id; its columns are {', '.join(table.columns)}", fix)])
        return answers_of(table, ids, table.column(PREDICTIONS, "answers", None, None))


def answers_of(table: Table, names: Sequence[str], column: str) -> dict[str, dict[str, Any]]:
    """Returns name -> row with ``output`` and ``finish`` of a table of answers.

    Args:
        table: as read.
        names: of its rows, in their order.
        column: that holds the answers.

    Raises:
        Refused: with the rows that hold no text, or a finish that is none.
    """
    found: dict[str, dict[str, Any]] = {}
    problems: list[Problem] = []
    for row, name in zip(table.rows, names, strict=True):
        output, finish = row.values.get(column), row.values.get("finish") or "stop"
        if not isinstance(output, str):
            why = f"has no {column}" if column not in row.values else f"has an {column} that is no text"
            problems.append(Problem(row.place, why, f'Write text into {column}; an empty answer is ""'))
        elif finish not in FINISHES:
            why = f"has the finish {finish!r}, which is none of {', '.join(FINISHES)}"
            problems.append(Problem(row.place, why, "Write one of these, or leave it out"))
        else:
            found[name] = {"id": name, "output": output, "finish": finish}
    refuse(table.shown, problems)
    return found
