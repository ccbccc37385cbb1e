"""The two ways in which ftbench says no: an error for the person at the keyboard, and a refusal of one cell.

Both carry one plain line with the fix; neither is ever shown with a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace


class FtbenchError(Exception):
    """Something a person can mend. The message is one line that names the value, the place and the fix."""


@dataclass(frozen=True)
class Problem:
    """One reason why something cannot be run.

    Attributes:
        where: the config key or the file and row, such as ``method.rank`` or ``train.jsonl:17``.
        why: what is wrong, with the offending value.
        fix: what to type or change instead.
    """

    where: str
    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}. {self.fix}"

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


class Problems(list[Problem]):
    """Problems of one thing, gathered so that a person sees all of them at once."""

    def add(self, where: str, why: str, fix: str) -> None:
        """Adds one; the arguments are those of ``Problem``."""
        self.append(Problem(where, why, fix))


def under(where: str, problems: Iterable[Problem]) -> list[Problem]:
    """Returns the problems of a nested node, which names its own fields only, with their places below ``where``."""
    return [replace(problem, where=f"{where}.{problem.where}") for problem in problems]


class Refused(FtbenchError):
    """Raised by a component that knows that it cannot be run; carries every reason at once, not the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def did_you_mean(value: str, options: Iterable[str]) -> str:
    """Returns ``"Did you mean lora? Available: dpo, full, lora"`` for a misspelled ``value``."""
    names = sorted(options)
    close = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{hint}Available: {', '.join(names) or 'none'}"
