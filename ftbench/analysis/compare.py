"""Compares cells of finished sweeps, and answers recorded elsewhere, over the examples they share.

Examples are the same when id and reference texts are; cells are the same kind of number when their metrics' settings
are. The statistics are those of a run: one interval decides, over a declared family.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ftbench.analysis.ceilings import CEILING
from ftbench.analysis.compare_entries import Entry
from ftbench.analysis.ranking import family_of
from ftbench.analysis.results import Results, notes_of
from ftbench.analysis.rows import Row
from ftbench.core.component import build
from ftbench.core.errors import FtbenchError
from ftbench.stats.failed_rows import DEFAULT_LIMIT
from ftbench.stats.failures import raised_line, statistics_of
from ftbench.stats.intervals import few, interval
from ftbench.stats.resample import clusters
from ftbench.stats.sufficient_statistics import Sufficient
from ftbench.text.secrets import scrub


def compared(
    entries: Sequence[Entry],
    name: str,
    statistics: dict[str, Any],
    decision: dict[str, Any],
    limit: float = DEFAULT_LIMIT,
) -> Results:
    """Scores and compares cells over the examples that all of them answered; ``limit`` is ``limits.failed_rows``.

    Raises:
        FtbenchError: when there are fewer than two cells, no common examples, or differently made numbers.
    """
    distinct = _distinct(entries)
    entries = [entry for entry in distinct if entry.row.deployable]
    above = [entry for entry in distinct if not entry.row.deployable]
    if len(entries) < 2:
        count = f"{len(entries)} finished cell{'s' * (len(entries) != 1)} with {name}"
        beside = f" ({CEILING}: {', '.join(entry.row.label for entry in above)})" if above else ""
        raise FtbenchError(f"{count}{beside}: a comparison needs two. Name more sweeps, or --outputs FILE")
    metric = build(entries[0].node, f"metric.{name}")
    other = next(
        (entry for entry in entries if build(entry.node, f"metric.{name}").identity() != metric.identity()), None
    )
    if other is not None:
        why = f"{other.row.label} was scored by {name} with other settings than {entries[0].row.label}"
        raise FtbenchError(f"{why}. Run one of the sweeps again with the same metric; scoring takes seconds")
    shared = [example for example in entries[0].answers if all(example in entry.answers for entry in entries)]
    if not shared:
        raise FtbenchError(
            "no example is in all of these: ids or reference texts differ. Compare sweeps over the same test split"
        )
    if not metric.comparable_across_tokenizers and len({entry.row.details.get("model") for entry in entries}) > 1:
        raise FtbenchError(
            f"{name} counts each model's own tokens and does not compare across tokenizers. Use --metric bits_per_byte"
        )
    every = set().union(*(entry.answers for entry in entries))
    groups, regrouped = _groups(entries, shared)
    members = [_scored(entry, shared, groups, name, metric, statistics, limit) for entry in entries]
    lost = [f"{row.label}{row.scores[name]['reason']}" for row, _ in members if row.value(name) is None]
    members = [(row, sample) for row, sample in members if row.value(name) is not None]
    if len(members) < 2:
        raise FtbenchError(f"{name} is n/a for {', '.join(lost)}; nothing is left to compare. Take another --metric")
    bounds, left_out = _ceilings(above, entries[0], shared, groups, name, metric, statistics, limit)
    methods = {entry.row.id: entry.method for entry in entries}
    family = family_of([*members, *bounds], methods, name, metric, statistics, decision)
    notes = (
        [f"{len(shared)} examples are in all cells, {len(every) - len(shared)} are not and were left out"]
        if len(shared) < len(every)
        else []
    )
    notes += [f"{name} is n/a for {label}" for label in lost] + regrouped + left_out
    sample = members[0][1]
    rough = few(len(set(clusters(sample.ids, sample.groups))), len(shared))
    notes += notes_of(
        [replace(row, notes=tuple(note for note in row.notes if note != rough)) for row, _ in members]
    ) + ([rough] if rough is not None else [])
    rows = {row.id: row for row, _ in (*members, *bounds)}
    ordered = tuple(rows[cell] for cell in (*family.cells, *family.ceilings))
    return Results((name,), name, dict(statistics), ordered, (family,), tuple(notes))


def _ceilings(
    entries: Sequence[Entry],
    first: Entry,
    shared: Sequence[str],
    groups: tuple[str | None, ...],
    name: str,
    metric: Any,
    statistics: dict[str, Any],
    limit: float,
) -> tuple[list[tuple[Row, Sufficient]], list[str]]:
    """Returns the cells that cannot be deployed, scored over the examples that the others share.

    They decide nothing of the comparison: one that has no comparable score there is left out, with a note.
    """
    found, notes = [], []
    for entry in entries:
        comparable = metric.comparable_across_tokenizers
        comparable |= entry.row.details.get("model") == first.row.details.get("model")
        comparable &= build(entry.node, f"metric.{name}").identity() == metric.identity()
        if comparable and all(example in entry.answers for example in shared):
            row, sample = _scored(entry, shared, groups, name, metric, statistics, limit)
            if row.value(name) is not None:
                found.append((row, sample))
                continue
        notes.append(f"{CEILING}: {entry.row.label}: has no comparable {name} over these examples and was left out")
    return found, notes


def _distinct(entries: Sequence[Entry]) -> list[Entry]:
    """Returns each cell once, however many sweeps it stands in, with labels that differ."""
    kept: dict[str, Entry] = {}
    for entry in entries:
        kept.setdefault(entry.row.id, entry)
    labels = [entry.row.label for entry in kept.values()]
    return [
        (
            replace(
                entry,
                row=replace(entry.row, facts={**entry.row.facts, "label": f"{entry.row.label} {entry.row.id[:4]}"}),
            )
            if labels.count(entry.row.label) > 1
            else entry
        )
        for entry in kept.values()
    ]


def _groups(entries: Sequence[Entry], shared: Sequence[str]) -> tuple[tuple[str | None, ...], list[str]]:
    """Returns the groups of the shared examples, and a note where sweeps differ in them: then those that leave the
    fewest independent examples hold for all.
    """
    told = list(dict.fromkeys(tuple(entry.answers[example]["group"] for example in shared) for entry in entries))
    coarsest = min(told, key=lambda groups: len(set(clusters(shared, groups).tolist())))
    return coarsest, (
        ["these sweeps group their examples differently; the coarsest groups are taken for all"]
        if len(told) > 1
        else []
    )


def _scored(
    entry: Entry,
    shared: Sequence[str],
    groups: tuple[str | None, ...],
    name: str,
    metric: Any,
    settings: dict[str, Any],
    limit: float,
) -> tuple[Row, Sufficient]:
    rows = [entry.answers[example] for example in shared]
    table, scored, raised = statistics_of(metric, rows)
    sample = Sufficient(
        tuple(row["id"] for row in rows), groups, tuple(dict(row["slices"]) for row in rows), {name: table}
    )
    said = entry.row.notes
    if raised is not None:
        said = (*said, f"{entry.row.label}: {raised_line(name, scrub(raised.as_dict()), raised.rows)}")
    value = float(metric.value(table.sum(axis=0), np.float64(len(table))))
    failed = sum(row.get("finish") == "error" or row.get("nll", 0.0) is None for row in scored)
    if not np.isfinite(value) or raised is not None and raised.broken or failed > limit * len(scored):
        lost = failed > limit * len(scored) and raised is None
        why = f" ({failed} of {len(scored)} of these examples failed; limits.failed_rows={limit:g})" if lost else ""
        score = {
            "value": None,
            "low": None,
            "high": None,
            "n": len(table),
            "comparable_across_tokenizers": True,
            "reason": why,
        }
    else:
        options = {key: settings[key] for key in ("confidence", "resamples", "seed")}
        limits = interval(table, metric.value, sample.ids, sample.groups, **options, is_mean=metric.is_mean)
        score = {
            "value": value,
            "low": limits.low,
            "high": limits.high,
            "n": len(table),
            "comparable_across_tokenizers": metric.comparable_across_tokenizers,
        }
    return replace(entry.row, scores={name: score}, notes=said), sample
