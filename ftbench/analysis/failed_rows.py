"""The share of rows that failed, and the cells in which it is too large to rank them.

``limits.failed_rows`` is part of no key: it is applied here, when cells are read, so that another limit runs nothing
again. A judge's failure is not the cell's: it is counted where the judge's scores are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftbench.core.cell import Cell
from ftbench.core.files import read_jsonl
from ftbench.core.plan import Plan
from ftbench.core.receipt import Receipt
from ftbench.stats.failed_rows import DEFAULT_LIMIT, commonest
from ftbench.stats.failures import raised_line

SPLITS = ("test", "validation")
ANSWERS, LIKELIHOODS = "outputs.jsonl", "likelihood.jsonl"

Scores = Mapping[str, Mapping[str, Any]]


def limit_of(plan: Plan) -> float:
    """Returns the largest share of failed rows with which a cell still counts."""
    return float((plan.settings.get("limits") or {}).get("failed_rows", DEFAULT_LIMIT))


def share_of(scores: Scores, primary: str, score: Receipt | None, judged: bool) -> float | None:
    """Returns the share of a split's rows without an answer, or that the primary metric cannot score; None without
    rows.

    Args:
        scores: of ``scores.json``.
        score: the receipt of the score stage, which counted how answers ended.
        judged: whether the primary metric is a judge's; then its failed rows are the judge's.
    """
    finish = (score.details.get("finish") or {}) if score is not None else {}
    shares = [finish.get("error", 0) / sum(finish.values())] if sum(finish.values()) else []
    own = None if judged else _own_share(scores.get(primary, {}))
    shares += [] if own is None else [own]
    return max(shares, default=None)


def failure(
    plan: Plan,
    primary: str,
    folders: Mapping[str, Path],
    scored: Mapping[str, Scores],
    shares: Mapping[str, float | None],
) -> str | None:
    """Returns why a cell has failed, in which more rows failed than ``limits.failed_rows`` allows; else None.

    Args:
        folders: role -> folder of the cell's finished stages.
        scored: split -> scores.
        shares: split -> share of failed rows.
    """
    limit = limit_of(plan)
    for split, share in shares.items():
        if share is not None and share > limit:
            n = next((entry["n"] for entry in scored[split].values()), 0)
            reasons = _reasons(primary, split, folders, scored[split].get(primary, {}))
            count = f"{round(share * n)} of {n} {split} rows failed"
            return f"{count}, and limits.failed_rows={limit:g} allows no such share: {reasons}"
    return None


def usable(plan: Plan, cell: Cell, split: str, scores: Scores) -> dict[str, dict[str, Any]]:
    """Returns the scores, without the values of metrics that failed on too many rows, whichever metric orders the
    table.
    """
    limit, found = limit_of(plan), {}
    for name, entry in scores.items():
        share = None if _judged(cell, name, split) else _own_share(entry)
        if share is not None and share > limit and entry.get("value") is not None:
            empty = {"value": None, "low": None, "high": None, "interval": None, "slices": {}}
            reason = f"{entry['failed']} of {entry['n']} rows failed (limits.failed_rows={limit:g})"
            found[name] = {**entry, **empty, "reason": reason}
        else:
            found[name] = dict(entry)
    return found


def shares_of(
    cell: Cell, primary: str, receipts: Mapping[str, Receipt], scored: Mapping[str, Scores]
) -> dict[str, float | None]:
    """Returns split -> share of failed rows, for the splits that were scored."""
    return {
        split: share_of(scores, primary, receipts.get(cell.stages[f"score.{split}"]), _judged(cell, primary, split))
        for split, scores in scored.items()
    }


def _judged(cell: Cell, metric: str, split: str) -> bool:
    return f"judge.{metric}.{split}" in cell.stages


def _own_share(entry: Mapping[str, Any]) -> float | None:
    return entry["failed"] / entry["n"] if entry.get("failed") is not None and entry.get("n") else None


def _reasons(primary: str, split: str, folders: Mapping[str, Path], entry: Mapping[str, Any]) -> str:
    """Returns the commonest reasons: of the metric where it raised, else of the answers or likelihoods."""
    if raised := entry.get("raised"):
        return raised_line(primary, raised, raised["rows"])
    for role, file in ((f"generate.{split}", ANSWERS), (f"likelihood.{split}", LIKELIHOODS)):
        path = folders[role] / file if role in folders else None
        if path is not None and path.is_file():
            rows = read_jsonl(path)
            errors = [row.get("error") for row in rows if row.get("error") is not None or row.get("finish") == "error"]
            if errors:
                return commonest(errors)
    return "no reason was kept"
