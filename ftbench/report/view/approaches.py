"""The approaches of a sweep as the run rolled them up: rank among approaches, means over seeds, every configuration."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ftbench.analysis import figures
from ftbench.report.view.table import Table
from ftbench.text import numbers


@dataclass(frozen=True)
class ApproachRow:
    """One approach, as texts.

    Attributes:
        label: as in ``approaches.csv``.
        rank: among approaches; empty where nothing was chosen.
        text: metric and interval of the chosen configuration, mean over its seeds.
        spread: standard deviation between seeds.
        chosen: its values.
        training, serving: of all trials and seeds; per 1,000 requests.
        reason: why nothing was chosen, else None.
        configurations: values, validation score, state (``chosen``, ``not chosen``, or how it failed) and cells of
            each; empty where there is one alone.
    """

    label: str
    rank: str
    text: str
    spread: str
    seeds: int
    chosen: str
    training: str
    serving: str
    reason: str | None
    configurations: tuple[tuple[str, str, str, str], ...]


def approach_rows(
    table: Table, family: Mapping[str, Any], shown: Collection[str], places: int
) -> tuple[ApproachRow, ...]:
    """Returns one row per approach with a shown cell, in the order of ``approaches.csv``.

    There are none where no approach says more than its cell.

    Args:
        table: its ``approaches`` were ranked by the run; by another metric, or of several sweeps, they are not.
        family: of ``results.json``.
        shown: ids of the cells that no filter hides.
        places: decimals of the metric.
    """
    own = [one for one in table.approaches if any(cell in shown for cell in cells_of(one))]
    several = [max(len(one["cells"]), len(one["configurations"])) > 1 or one.get("search") for one in own]
    if not table.own or not any(several):
        return ()
    return tuple(_row(table, one, family["cost_basis"], places) for one in own)


def _row(table: Table, one: Mapping[str, Any], basis: str | None, places: int) -> ApproachRow:
    mean, tried = one["scores"].get(table.metric) or {}, one["configurations"]
    return ApproachRow(
        label=one["label"],
        rank=one["rank"],
        text=numbers.figure(mean.get("value"), mean.get("low"), mean.get("high"), places, limits=True),
        spread="-" if mean.get("sd") is None else f"{mean['sd']:.{places}f}",
        seeds=len(one["cells"]),
        chosen=values_text(one["configuration"]) if one["cells"] else f"none of {len(tried)}",
        training=figures.spent(one["train_seconds"] != 0.0, one["train_seconds"], one["train_usd"]),
        serving=figures.per_1k(one.get(basis) if basis else None, basis),
        reason=None if one["cells"] else one.get("reason"),
        configurations=tuple(_configuration(table, each, places) for each in tried) if len(tried) > 1 else (),
    )


def _configuration(table: Table, one: Mapping[str, Any], places: int) -> tuple[str, str, str, str]:
    score, status = one.get("validation"), one.get("status", "done")
    state = "chosen" if one["chosen"] else "not chosen" if status == "done" else f"{status}: {one.get('reason')}"
    scored = [table.labels[cell] for cell in one["cells"] if cell in table.labels]
    validation = numbers.UNKNOWN if score is None else f"{score:.{places}f}"
    return values_text(one["values"]), validation, state, ", ".join(scored) or "not asked the test split"


def values_text(values: Mapping[str, Any] | None) -> str:
    """Returns such as ``rank=8, learning_rate=0.001``; a dash where nothing was varied."""
    return ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in (values or {}).items()) or "-"


def cells_of(one: Mapping[str, Any]) -> list[str]:
    """Returns the ids of all cells of an approach: those that stand for it, and those of every configuration."""
    return [*one["cells"], *(cell for configuration in one["configurations"] for cell in configuration["cells"])]
