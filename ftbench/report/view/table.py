"""The ranked cells of one or several sweeps: whole, by another metric, or over one slice of the examples.

The table of one sweep by its own metric is read from ``results.json``. Everything else (another metric, a slice,
several sweeps together) is compared anew, by the same functions and over the same declared family as in a run, from the
per-example statistics in the store.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ftbench.analysis.ceilings import MARK
from ftbench.analysis.ranking import DECISION, Family, family_of, frozen, method_key
from ftbench.analysis.rows import Row
from ftbench.core.canonical import digest
from ftbench.core.errors import FtbenchError
from ftbench.report.view.labels import distinct
from ftbench.report.view.sweep import Sweep
from ftbench.stats.intervals import interval
from ftbench.stats.sufficient_statistics import Sufficient

Slice = tuple[str, str]
STATISTICS = {"confidence": 0.95, "resamples": 2000, "seed": 0}


@dataclass(frozen=True)
class Table:
    """Cells and how they were ranked.

    Attributes:
        metric: that orders the cells.
        slice: column and value of the examples that count, None for all.
        confidence: of the intervals.
        rows: cell id -> row, ranked cells best first, then the others.
        labels: cell id -> what to call it; distinct over all sweeps.
        families: as in ``results.json``, over ``metric`` and ``slice``.
        home: cell id -> its sweep.
        methods: cell id -> what it shares with its other seeds.
        notes: sentences about the whole.
        approaches: as ``results.json`` rolled the cells up; ``own`` says whether their ranks and means are those of
            this table.
    """

    metric: str
    slice: Slice | None
    confidence: float
    rows: dict[str, Row]
    labels: dict[str, str]
    families: tuple[dict[str, Any], ...]
    home: dict[str, Sweep]
    methods: dict[str, str]
    notes: tuple[str, ...]
    approaches: tuple[dict[str, Any], ...] = ()
    own: bool = True

    @property
    def higher(self) -> bool:
        return next(
            (
                bool(row.scores[self.metric].get("higher_is_better", True))
                for row in self.rows.values()
                if self.metric in row.scores
            ),
            True,
        )

    @property
    def margin(self) -> float | None:
        """``decision.margin``, where the table is that of the run: it is in points of the run's metric."""
        first = next(iter(self.home.values()), None)
        return None if first is None or not self.own else (first.settings.get("decision") or {}).get("margin")

    def undone(self) -> list[Row]:
        return [row for row in self.rows.values() if not row.done]

    def ceilings(self, family: Mapping[str, Any] | None) -> list[Row]:
        """Returns the cells over a family's examples that cannot be deployed, best first; with None those of no
        family.
        """
        if family is not None:
            return [self.rows[cell] for cell in family.get("ceilings", ())]
        beside = {cell for one in self.families for cell in one.get("ceilings", ())}
        scored = [row for row in self.rows.values() if row.done and row.value(self.metric) is not None]
        return [row for row in scored if not row.deployable and row.id not in beside]

    def unranked(self) -> list[Row]:
        """Returns done cells without a value of the metric."""
        ranked = {cell for family in self.families for cell in (*family["cells"], *family.get("ceilings", ()))}
        ranked |= {row.id for row in self.ceilings(None)}
        return [row for row in self.rows.values() if row.done and row.id not in ranked]


def metrics_of(sweeps: Sequence[Sweep]) -> list[str]:
    """Returns the metrics of all sweeps; the first sweep's primary one first."""
    names = dict.fromkeys(name for sweep in sweeps for name in sweep.metrics)
    primary = sweeps[0].primary
    return [*([primary] if primary in names else []), *(name for name in names if name != primary)]


def slices_of(sweeps: Sequence[Sweep], metric: str) -> dict[str, list[str]]:
    """Returns column -> values that done cells were scored by."""
    found: dict[str, dict[str, None]] = {}
    for row in (row for sweep in sweeps for row in sweep.rows.values()):
        for column, values in (row.scores.get(metric, {}).get("slices") or {}).items():
            found.setdefault(column, {}).update(dict.fromkeys(values))
    return {column: list(values) for column, values in found.items()}


def table(sweeps: Sequence[Sweep], metric: str | None = None, only: Slice | None = None) -> Table:
    """Returns the ranked cells.

    Args:
        sweeps: at least one.
        metric: None for the first sweep's primary one.
        only: column and value of a slice.

    Raises:
        FtbenchError: when the metric or slice is unknown, or statistics are missing.
    """
    metric = metric or sweeps[0].primary
    if metric and metric not in metrics_of(sweeps):
        raise FtbenchError(f"{metric}: no metric of this sweep. Available: {', '.join(metrics_of(sweeps))}")
    if only is not None and only[1] not in slices_of(sweeps, metric).get(only[0], ()):
        raise FtbenchError(
            f"{only[0]}={only[1]}: no slice of this sweep. Available: {', '.join(slices_of(sweeps, metric)) or 'none'}"
        )
    home = {cell: sweep for sweep in reversed(sweeps) for cell in sweep.rows}
    rows = {cell: home[cell].rows[cell] for sweep in sweeps for cell in sweep.rows}
    labels = distinct([(cell, row.label, home[cell].name) for cell, row in rows.items()])
    methods = {cell: method_key(home[cell].cells[cell]["config"]) for cell in rows if cell in home[cell].cells}
    first = sweeps[0]
    statistics = {**STATISTICS, **((first.results or {}).get("statistics") or first.settings.get("statistics") or {})}
    stored = list((first.results or {}).get("families", ()))
    # An earlier version ranked ceilings too, and of a sweep with a damaged cell the others are compared anew.
    stale = any(cell in rows and not rows[cell].deployable for family in stored for cell in family["cells"])
    own = len(sweeps) == 1 and only is None and metric == first.primary and not stale and not first.damaged
    approaches = tuple(
        {
            approach["id"]: approach
            for sweep in reversed(sweeps)
            for approach in (sweep.results or {}).get("approaches", ())
        }.values()
    )
    if own:
        families = stored
        notes = tuple((first.results or {}).get("notes", ()))
    else:
        rows, ranked = _compared(
            home,
            rows,
            labels,
            methods,
            metric,
            only,
            statistics,
            {**DECISION, **(first.settings.get("decision") or {})},
        )
        families = [family.as_dict() for family in ranked]
        notes = tuple(dict.fromkeys(note for sweep in sweeps for note in (sweep.results or {}).get("notes", ())))
    place = {cell: index for index, cell in enumerate(cell for family in families for cell in family["cells"])}
    ordered = sorted(rows, key=lambda cell: (place.get(cell, len(place)), not rows[cell].done, rows[cell].deployable))
    labels = {cell: label if rows[cell].deployable else label + MARK for cell, label in labels.items()}
    named = {cell: replace(rows[cell], facts={**rows[cell].facts, "label": labels[cell]}) for cell in ordered}
    return Table(
        metric, only, statistics["confidence"], named, labels, tuple(families), home, methods, notes, approaches, own
    )


def _compared(
    home: Mapping[str, Sweep],
    rows: dict[str, Row],
    labels: Mapping[str, str],
    methods: Mapping[str, str],
    metric: str,
    only: Slice | None,
    statistics: dict[str, Any],
    decision: dict[str, Any],
) -> tuple[dict[str, Row], list[Family]]:
    grouped: dict[str, list[tuple[Row, Sufficient]]] = {}
    for cell, row in rows.items():
        if not row.done or row.value(metric) is None:
            continue
        sample = home[cell].sample(cell)
        if sample is None or metric not in sample.metrics:
            continue
        alike = [frozen(home[cell].store, home[cell].cells[cell]["stages"]["prepare"]), list(sample.ids)]
        if not row.scores[metric].get("comparable_across_tokenizers", True):
            alike.append(row.details.get("model"))
        if only is not None:
            sample = _within(sample, only)
            row = _sliced(row, metric, only, home[cell].metric(cell, metric), sample, statistics)
        rows = {**rows, cell: row}
        if row.value(metric) is None:
            continue
        named = replace(row, facts={**row.facts, "label": labels[cell]})
        grouped.setdefault(digest(alike), []).append((named, sample))
    found = []
    for members in grouped.values():
        cell = members[0][0].id
        if not any(row.deployable for row, _ in members):
            continue
        found.append(family_of(members, methods, metric, home[cell].metric(cell, metric), statistics, decision))
    return rows, found


def _within(sample: Sufficient, only: Slice) -> Sufficient:
    kept = [index for index, values in enumerate(sample.slices) if values.get(only[0]) == only[1]]
    return Sufficient(
        tuple(sample.ids[index] for index in kept),
        tuple(sample.groups[index] for index in kept),
        tuple(sample.slices[index] for index in kept),
        {name: values[kept] for name, values in sample.metrics.items()},
    )


def _sliced(row: Row, name: str, only: Slice, metric: Any, sample: Sufficient, statistics: dict[str, Any]) -> Row:
    """Returns a row whose score by ``name`` is that of the slice: as it was stored, else made anew."""
    entry = ((row.scores[name].get("slices") or {}).get(only[0]) or {}).get(only[1])
    if entry is None and sample.ids:
        values = sample.metrics[name]
        options = {key: statistics[key] for key in ("confidence", "resamples", "seed")}
        limits = interval(values, metric.value, sample.ids, sample.groups, **options, is_mean=metric.is_mean)
        entry = {
            "value": float(metric.value(values.sum(axis=0), float(len(values)))),
            "low": limits.low,
            "high": limits.high,
            "n": len(values),
        }
    scores = {**row.scores, name: {**row.scores[name], **(entry or {"value": None, "low": None, "high": None, "n": 0})}}
    return replace(row, scores=scores, facts={**row.facts, "n": scores[name]["n"]})


def json_key(only: Slice | None) -> str:
    """Returns a slice as text for a link."""
    return "" if only is None else json.dumps(list(only), ensure_ascii=False)
