"""Which cells can be ranked together, and their ranks with ties.

Cells form a family when they answered the same frozen examples; for a metric that does not compare across tokenizers
they must also share the base model (docs/mistakes.md, number 20). Ranks and ties hold within a family.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from ftbench.analysis.comparison_sentences import Gap, Gaps, cell_sentences, method_sentences, without_seed
from ftbench.analysis.finished_stages import base_model
from ftbench.analysis.rows import Row
from ftbench.core.canonical import digest, file_digest
from ftbench.core.cell import configuration_key
from ftbench.core.component import build
from ftbench.core.plan import Plan
from ftbench.stats.family import pairs_of
from ftbench.stats.mcnemar import mcnemar
from ftbench.stats.paired import Compared, Difference, compare, rank_ranges
from ftbench.stats.resample import clusters
from ftbench.stats.seeds import method_gaps
from ftbench.stats.sufficient_statistics import Sufficient
from ftbench.store.store import Store

COST_BASES = ("usd_per_1k_requests", "seconds_per_1k_requests")
DECISION = {"family": "best", "margin": None}
"""For plans that were made before they held a ``decision``."""

PAIR = ("first", "second", "value", "low", "high", "verdict", "within_margin")

Member = tuple[Row, Sufficient]


@dataclass(frozen=True)
class Family:
    """Cells ranked together.

    Attributes:
        dataset: option of the dataset axis.
        cells: ids, best first.
        ranks: id -> (best, worst) rank.
        differences: the declared comparisons, by ids.
        cost_basis: in which cost tables show its cells, one of ``COST_BASES``; None where a cell's cost is unknown.
        sentences: what can be said of its cells in words.
        method_sentences: what can be said of methods over several seeds.
        declared: ``best``, ``baseline`` or ``all``.
        tests: per difference McNemar's test where every answer is right or wrong, else None.
        methods: comparisons of methods over several seeds: ids of both sides and ``ftbench.stats.seeds.MethodGap``,
            simultaneous.
        known: every pair of cells that may be spoken of.
        ceilings: ids of cells over the same examples that cannot be deployed, best first; in nothing of the above.
    """

    dataset: str
    cells: tuple[str, ...]
    ranks: dict[str, tuple[int, int]]
    differences: tuple[Difference, ...]
    cost_basis: str | None
    sentences: tuple[str, ...]
    method_sentences: tuple[str, ...]
    declared: str
    tests: tuple[dict[str, Any] | None, ...]
    methods: Gaps
    known: tuple[Difference, ...]
    ceilings: tuple[str, ...] = ()

    def pairs(self) -> list[dict[str, Any]]:
        """Returns every pair that may be spoken of as plain values: what ``ftbench.cost.frontier.verdicts_of``
        takes.
        """
        return [{name: getattr(pair, name) for name in PAIR} for pair in self.known]

    def as_dict(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "cells": list(self.cells),
            "ceilings": list(self.ceilings),
            "ranks": {cell: list(ranks) for cell, ranks in self.ranks.items()},
            "cost_basis": self.cost_basis,
            "sentences": [*self.sentences, *self.method_sentences],
            "method_sentences": list(self.method_sentences),
            "family": self.declared,
            "comparisons": [
                {**found.as_dict(), "mcnemar": test} for found, test in zip(self.differences, self.tests, strict=True)
            ],
            "pairs": self.pairs(),
            "methods": [
                {"first": list(first), "second": list(second), **gap.as_dict()} for first, second, gap in self.methods
            ],
        }


def families(
    plan: Plan, rows: Sequence[Row], primary: str, store: Store, methods: Mapping[str, str], names: Mapping[str, str]
) -> list[Family]:
    """Ranks the done cells by the primary metric, family by family, in plan order of their first cell.

    Args:
        methods, names: of the cells that speak for an approach; see ``family_of``.
    """
    cells = {cell.id: cell for cell in plan.cells}
    grouped: dict[str, list[Member]] = {}
    for row in rows:
        if not row.done or row.value(primary) is None:
            continue
        folder = store.find(cells[row.id].stages["score.test"])
        sample = Sufficient.read(folder) if folder is not None else None
        if sample is None:
            continue
        alike = [frozen(store, cells[row.id].stages["prepare"]), list(sample.ids)]
        if not row.scores[primary]["comparable_across_tokenizers"]:
            alike.append(base_model(plan, cells[row.id].stages))
        grouped.setdefault(digest(alike), []).append((row, sample))
    found = []
    for members in grouped.values():
        if not any(row.deployable for row, _ in members):
            continue
        stage = plan.stages[cells[members[0][0].id].stages["score.test"]]
        metric = build(stage.config["metrics"][primary], f"metrics.{primary}")
        found.append(
            family_of(
                members,
                methods,
                primary,
                metric,
                plan.settings["statistics"],
                plan.settings.get("decision") or DECISION,
                names,
            )
        )
    return found


def frozen(store: Store, prepare: str) -> str:
    """Returns what cells share that answer the same test rows: data sets that differ by their training rows alone are
    ranked together.
    """
    rows = store.folder(prepare) / "test.jsonl"
    return _file_digest(rows) if rows.is_file() else prepare


@lru_cache(maxsize=1024)
def _file_digest(path: Path) -> str:
    return file_digest(path)  # a finished stage never changes


def method_key(config: Mapping[str, Any]) -> str:
    """Returns what cells share that differ by their seed alone."""
    return configuration_key(config)


def cost_of(row: Row, basis: str) -> float | None:
    """Returns a row's cost in dollars or seconds per 1,000 requests."""
    return None if row.bill is None else getattr(row.bill, basis)


def family_of(
    members: Sequence[Member],
    methods: Mapping[str, str],
    primary: str,
    metric: Any,
    settings: Mapping[str, Any],
    decision: Mapping[str, Any],
    names: Mapping[str, str] | None = None,
) -> Family:
    """Ranks and compares cells over the same examples.

    A cell that cannot be deployed is only named (``Family.ceilings``): an upper bound takes no rank, and the intervals
    of the others are not widened by comparisons with it.

    Args:
        members: done cells with a value of the primary metric, at least one of them deployable.
        methods: cell id -> what it shares with its other seeds; a cell that is not in it stands for no method.
        primary: name of the metric.
        metric: the metric.
        settings: ``statistics`` of the config.
        decision: ``decision`` of the config.
        names: cell id -> what its method is called in sentences; without them, its label less the seed.
    """
    higher = bool(metric.higher_is_better)
    members = sorted(
        members,
        key=lambda member: (
            -member[0].value(primary) if higher else member[0].value(primary),
            member[0].label,
            member[0].id,
        ),
    )
    ceilings = tuple(row.id for row, _ in members if not row.deployable)
    members = [member for member in members if member[0].deployable]
    rows = [row for row, _ in members]
    sample = members[0][1]
    tables = {row.id: own.metrics[primary] for row, own in members}
    options = {name: settings[name] for name in ("confidence", "resamples", "seed")}
    compared = compare(
        tables,
        metric.value,
        sample.ids,
        sample.groups,
        **options,
        family=decision["family"],
        baselines=baselines(rows),
        margin=decision["margin"],
        higher_is_better=higher,
    )
    values = {row.id: float(row.value(primary)) for row in rows}
    basis = next((name for name in COST_BASES if all(cost_of(row, name) is not None for row in rows)), None)
    gaps = _methods(rows, methods, values, tables, metric, sample, options, decision["family"])
    return Family(
        dataset=rows[0].facts["dataset"],
        cells=tuple(values),
        ranks=rank_ranges(values, compared.known, higher),
        differences=compared.declared,
        cost_basis=basis,
        sentences=tuple(
            cell_sentences(rows, compared, gaps, primary, higher, len(sample.ids), settings["confidence"], decision)
        ),
        method_sentences=tuple(
            method_sentences(
                rows,
                names or {row.id: without_seed(row.label) for row in rows},
                gaps,
                primary,
                higher,
                settings["confidence"],
            )
        ),
        declared=decision["family"],
        tests=_mcnemar(compared, tables, metric, sample),
        methods=tuple(gaps),
        known=compared.known,
        ceilings=ceilings,
    )


def baselines(rows: Sequence[Row]) -> list[str]:
    """Returns the ids that ``decision.family=baseline`` compares with: added baselines, else the cells that train
    nothing.
    """
    return [row.id for row in rows if row.baseline] or [row.id for row in rows if not row.trains]


def _mcnemar(
    compared: Compared, tables: Mapping[str, Any], metric: Any, sample: Sufficient
) -> tuple[dict[str, Any] | None, ...]:
    if not metric.is_mean:
        return (None,) * len(compared.declared)
    codes = clusters(sample.ids, sample.groups)
    found = [mcnemar(tables[one.first][:, 0], tables[one.second][:, 0], codes) for one in compared.declared]
    return tuple(test.as_dict() if test is not None else None for test in found)


def _methods(
    rows: Sequence[Row],
    methods: Mapping[str, str],
    values: Mapping[str, float],
    tables: Mapping[str, Any],
    metric: Any,
    sample: Sufficient,
    options: Mapping[str, Any],
    family: str,
) -> list[Gap]:
    """Compares methods, seeds taken together, with simultaneous intervals over the declared family; one that trains
    needs several seeds to be one.
    """
    own: dict[str, list[Row]] = {}
    for row in rows:
        if row.id in methods:
            own.setdefault(methods[row.id], []).append(row)
    usable = {name: members for name, members in own.items() if len(members) > 1 or not members[0].trains}
    names = list(usable)
    sign = 1.0 if metric.higher_is_better else -1.0
    goodness = np.array([sign * fmean(values[row.id] for row in usable[name]) for name in names])
    order = [names[place] for place in np.argsort(-goodness, kind="stable")]
    fixed = [name for name in order if usable[name][0].id in baselines(rows)]
    _, known = pairs_of(order, np.sort(goodness)[::-1], family, fixed)
    pairs = [(order[i], order[j]) for i, j in known if max(len(usable[order[i]]), len(usable[order[j]])) > 1]
    sides = {name: [tables[row.id] for row in members] for name, members in usable.items()}
    each = {
        **options,
        "confidence": 1 - (1 - options["confidence"]) / max(len(pairs), 1),
    }  # Bonferroni: methods share no signs as cells do
    gaps = method_gaps(sides, pairs, metric.value, sample.ids, sample.groups, **each)
    return [
        (tuple(row.id for row in usable[first]), tuple(row.id for row in usable[second]), gap)
        for (first, second), gap in gaps.items()
    ]
