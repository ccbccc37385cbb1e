"""Rows that failed, in words: why most of them did, and how large a share of them a cell may have.

A failed row scores zero and stays in n. Where most rows failed, the zeros measure the failure and not the model, so the
cell has failed (docs/mistakes.md, number 15).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

DEFAULT_LIMIT = 0.5
"""``limits.failed_rows`` of plans that were made before there was one."""
MOST_REASONS = 3
MOST_CHARACTERS = 200


def commonest(reasons: Iterable[str | None]) -> str:
    """Returns the commonest reasons with their counts; those that differ by their numbers alone count as one.

    Args:
        reasons: one per failed row.
    """
    counts: dict[str, int] = {}
    examples: dict[str, list[str]] = {}
    for reason in reasons:
        text = " ".join((reason or "no reason given").split())[:MOST_CHARACTERS]
        kind = re.sub(r"\d+", "0", text)
        counts[kind] = counts.get(kind, 0) + 1
        examples.setdefault(kind, []).append(text)
    order = sorted(counts, key=lambda kind: -counts[kind])
    told = []
    for kind in order[:MOST_REASONS]:
        alike = len(set(examples[kind])) > 1
        rows = f"{counts[kind]} row{'s' * (counts[kind] != 1)}"
        told.append(f"{examples[kind][0]} ({rows}{', other numbers in others' if alike else ''})")
    rest = sum(counts[kind] for kind in order[MOST_REASONS:])
    return "; ".join([*told, *([f"other reasons ({rest} rows)"] if rest else [])])


def none_left(what: str, reasons: Iterable[str | None]) -> str:
    """Returns one line for a stage in which every row failed.

    Args:
        what: what no row has, such as ``was answered``.
        reasons: one per row.
    """
    reasons = list(reasons)
    return f"none of {len(reasons)} rows {what}: {commonest(reasons)}"
