"""Conclusions of a sweep's review: ``SWEEP/review/conclusions.json``, and one more of the validation split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftbench.core.files import write_json
from ftbench.core.plan import Plan
from ftbench.review.compared import Settings
from ftbench.review.conclusions import conclude
from ftbench.review.key import FOLDER
from ftbench.review.read_ledger import sweep_evidence
from ftbench.review.systems import store_of
from ftbench.sweep.folder import open_folder


def conclude_sweep(sweep: Path, moved: Path | None, split: str) -> tuple[dict[str, Any], Path]:
    """Writes what a sweep's verdicts show.

    Args:
        sweep: its folder.
        moved: where its stages now lie, or None.
        split: ``test`` or ``validation``.

    Returns:
        The conclusions and their file.

    Raises:
        FtbenchError: where no verdict decides anything yet.
    """
    plan = open_folder(sweep).plan
    found = conclude(sweep_evidence(sweep, plan, store_of(plan, moved), split), settings_of(plan, {}))
    path = sweep / FOLDER / ("conclusions.json" if split == "test" else f"conclusions.{split}.json")
    write_json(path, {"split": split, **found})
    return found, path


def settings_of(plan: Plan | None, given: Mapping[str, Any]) -> Settings:
    """Returns how to conclude: what was given, else as the sweep does.

    Args:
        plan: of the sweep, or None for verdicts without one.
        given: fields of ``Settings``; None where nothing was said.
    """
    statistics = plan.settings.get("statistics", {}) if plan is not None else {}
    known = {name: statistics[name] for name in ("confidence", "resamples", "seed") if name in statistics}
    return Settings(**{**known, **{name: value for name, value in given.items() if value is not None}})
