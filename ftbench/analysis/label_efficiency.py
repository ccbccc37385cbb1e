"""Label efficiency: what more training rows gained, from cells that differ by ``dataset.limit.train`` alone, and where
the curve flattens.

Steps are compared on the same test examples, simultaneously. A curve is flat from a point on when every later step is
shown to gain less than ``decision.margin``; a step that is not told from nothing may still be worth something, so "not
flattened yet" is an answer (docs/mistakes.md, number 26).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ftbench.analysis.rows import Row
from ftbench.core.canonical import digest
from ftbench.core.cell import AXES
from ftbench.core.component import build
from ftbench.core.plan import Plan
from ftbench.stats.paired import Difference, compare
from ftbench.stats.sufficient_statistics import Sufficient
from ftbench.store.store import Store

VARIED = "dataset.limit.train"


def curves(plan: Plan, rows: Sequence[Row], primary: str, store: Store) -> list[dict[str, Any]]:
    """Returns one curve per group of at least two trained cells that can be deployed.

    Of each: ``label, points, steps, flat_from, last_gain, last_low, last_high, margin``. ``points``: ``cell, rows,
    value, low, high``, fewest rows first. ``steps``: the gain of each point over the one before, with its interval.
    """
    cells = {cell.id: cell for cell in plan.cells}
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        known = row.value(primary) is not None and row.details.get("trained_rows") is not None
        if row.done and row.trains and row.deployable and known:
            grouped.setdefault(digest(_else(cells[row.id].config)), []).append(row)
    found = []
    for members in grouped.values():
        ordered = sorted(members, key=lambda row: row.details["trained_rows"])
        samples = [_sample(plan, row, store) for row in ordered]
        alike = [
            sample
            for sample in samples
            if sample is not None and samples[0] is not None and sample.ids == samples[0].ids
        ]
        if (
            len(ordered) >= 2
            and len(alike) == len(ordered)
            and len({row.details["trained_rows"] for row in ordered}) == len(ordered)
        ):
            found.append(_curve(plan, ordered, alike, primary))
    return found


def _else(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns everything that decides a cell but the number of training rows."""
    dataset = dict(config.get("dataset") or {})
    limit = dataset.get("limit")
    if isinstance(limit, Mapping):
        dataset["limit"] = {name: value for name, value in limit.items() if name != "train"}
    return {
        **{axis: config.get(axis) for axis in AXES if axis not in ("dataset", "hardware")},
        "dataset": dataset,
        "seed": config.get("seed"),
    }


def _sample(plan: Plan, row: Row, store: Store) -> Sufficient | None:
    cell = next(cell for cell in plan.cells if cell.id == row.id)
    folder = store.find(cell.stages["score.test"])
    return Sufficient.read(folder) if folder is not None else None


def _curve(plan: Plan, rows: Sequence[Row], samples: Sequence[Sufficient], primary: str) -> dict[str, Any]:
    cell = next(cell for cell in plan.cells if cell.id == rows[0].id)
    metric = build(plan.stages[cell.stages["score.test"]].config["metrics"][primary], f"metrics.{primary}")
    options = {name: plan.settings["statistics"][name] for name in ("confidence", "resamples", "seed")}
    margin = (plan.settings.get("decision") or {}).get("margin")
    tables = {row.id: sample.metrics[primary] for row, sample in zip(rows, samples, strict=True)}
    higher = bool(metric.higher_is_better)
    pairs = compare(
        tables,
        metric.value,
        samples[0].ids,
        samples[0].groups,
        **options,
        family="all",
        margin=margin,
        higher_is_better=higher,
    ).known
    sign = 1.0 if higher else -1.0
    steps = [_step(pairs, before.id, after.id, sign) for before, after in zip(rows, rows[1:], strict=False)]
    later = [_small(step, margin) for step in steps]
    flat = next((index for index in range(len(steps)) if all(later[index:])), None)
    words = [word for word in rows[0].label.split() if not word.startswith(("limit", "train=", VARIED))]
    return {
        "label": " ".join(words),
        "points": [
            {
                "cell": row.id,
                "rows": row.details["trained_rows"],
                **{name: row.scores[primary].get(name) for name in ("value", "low", "high")},
            }
            for row in rows
        ],
        "steps": steps,
        "margin": margin,
        "flat_from": None if flat is None else rows[flat].details["trained_rows"],
        "last_gain": steps[-1]["gain"],
        "last_low": steps[-1]["low"],
        "last_high": steps[-1]["high"],
    }


def _step(pairs: Sequence[Difference], before: str, after: str, sign: float) -> dict[str, Any]:
    """Returns what ``after`` gained over ``before``; a gain is for the better, whichever way the metric goes."""
    pair = next(pair for pair in pairs if {pair.first, pair.second} == {before, after})
    turn = sign if pair.first == after else -sign
    limits = sorted(turn * limit for limit in (pair.low, pair.high) if limit is not None)
    low, high = limits if len(limits) == 2 else (None, None)
    return {"from": before, "to": after, "gain": turn * pair.value, "low": low, "high": high}


def _small(step: Mapping[str, Any], margin: float | None) -> bool:
    """Tells whether a step is shown to gain less than the margin."""
    return margin is not None and step["high"] is not None and step["high"] < margin


def lines(found: Sequence[Mapping[str, Any]], primary: str) -> list[str]:
    """Returns one sentence per curve for the terminal."""
    said = []
    for curve in found:
        points = ", ".join(f"{point['rows']:,} rows {point['value']:.3g}" for point in curve["points"])
        if curve["flat_from"] is not None:
            end = (
                f"flat from {curve['flat_from']:,} rows on (each later step is shown to gain less than"
                f" {curve['margin']:g})"
            )
        else:
            reach = "" if curve["last_low"] is None else f", {curve['last_low']:+.3g} to {curve['last_high']:+.3g}"
            wanted = "" if curve["margin"] is not None else "; decision.margin says what would be flat"
            end = f"not flattened yet (last step {curve['last_gain']:+.3g}{reach}{wanted})"
        said.append(f"label efficiency, {curve['label']}: {primary} by training rows: {points}: {end}.")
    return said
