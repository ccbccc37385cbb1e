"""The test scores of an approach: means over the seeds of its chosen configuration."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

from ftbench.analysis.rows import Row
from ftbench.core.cell import Cell
from ftbench.core.component import build
from ftbench.core.plan import Plan
from ftbench.stats.seeds import SeedMean, seed_mean
from ftbench.stats.sufficient_statistics import Sufficient
from ftbench.store.store import Store


def mean_scores(
    plan: Plan, members: Sequence[tuple[Cell, Row]], metrics: Sequence[str], store: Store
) -> dict[str, SeedMean | None]:
    if not members:
        return dict.fromkeys(metrics)
    samples = [Sufficient.read(store.folder(cell.stages["score.test"])) for cell, _ in members]
    declared, settings = plan.stages[members[0][0].stages["score.test"]].config["metrics"], plan.settings["statistics"]
    options = {name: settings[name] for name in ("confidence", "resamples", "seed")}
    same = all(sample.ids == samples[0].ids for sample in samples)
    found: dict[str, SeedMean | None] = {}
    for name in metrics:
        values = [row.value(name) for _, row in members]
        tables = [sample.metrics.get(name) for sample in samples]
        if None in values:
            found[name] = None
        elif name in declared and same and all(table is not None for table in tables):
            metric = build(declared[name], f"metrics.{name}")
            found[name] = seed_mean(
                tables,
                metric.value,
                samples[0].ids,
                samples[0].groups,
                **options,
                is_mean=metric.is_mean,
            )
        else:  # made elsewhere (lm-eval): its interval is known for one seed alone
            entry = members[0][1].scores[name] if len(values) == 1 else {}
            sd = stdev(values) if len(values) > 1 else None
            found[name] = SeedMean(
                fmean(values), entry.get("low"), entry.get("high"), sd, min(values), max(values), len(values)
            )
    return found
