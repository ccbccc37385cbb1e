"""What the data checks say: one line per finding, with its place, its reason and its fix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ftbench.core.errors import Problem

LEVELS = ("leak", "warning", "note")
"""``leak``: certain, refuses under ``data.on_leak=refuse``. ``warning``: for a person to look at. ``note``: worth
knowing.
"""
NAMED = 3


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        kind: its name, such as ``same_row`` or ``mojibake``.
        level: one of ``LEVELS``.
        where: file and row where they are known, else split and row, or a config key.
        why, fix: as in ``ftbench.core.errors.Problem``.
        count: rows concerned.
        rows: ids of the first of them.
    """

    kind: str
    level: str
    where: str
    why: str
    fix: str
    count: int
    rows: tuple[str, ...]

    def problem(self) -> Problem:
        return Problem(self.where, self.why, self.fix)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "rows": list(self.rows)}

    def __str__(self) -> str:
        return str(self.problem())


def listed(names: Sequence[str], most: int = NAMED) -> str:
    """Returns ``'a', 'b', 'c' and 4 more``."""
    shown = ", ".join(repr(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def counted(findings: Iterable[Finding]) -> dict[str, int]:
    """Returns kind -> rows concerned."""
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.kind] = counts.get(finding.kind, 0) + finding.count
    return dict(sorted(counts.items()))
