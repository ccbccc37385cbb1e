"""Collects what is wrong with a dataset, so that a person sees all of it at once and not one row per run."""

from __future__ import annotations

from ftbench.core.errors import Problem, Refused

SHOWN = 20


class Findings:
    """A list of problems of which the first ``SHOWN`` are kept and the rest counted."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.unshown = 0

    def __bool__(self) -> bool:
        return bool(self.problems)

    def add(self, where: str, why: str, fix: str) -> None:
        """Adds one problem: ``where`` is a config key or ``file:row``."""
        if len(self.problems) < SHOWN:
            self.problems.append(Problem(where, why, fix))
        else:
            self.unshown += 1

    def take(self, problem: Problem) -> None:
        self.add(problem.where, problem.why, problem.fix)

    def raise_any(self) -> None:
        """Raises what was found, if anything.

        Raises:
            Refused: with one problem per finding, and one that counts those not shown.
        """
        if not self.problems:
            return
        more = (
            [Problem("dataset", f"and {self.unshown} more problems like these", "Mend those above first")]
            if self.unshown
            else []
        )
        raise Refused([*self.problems, *more])
