"""Every metric as an ``evaluate.Metric``, built in memory: no hub, no metric script, no cache file in the home folder.

``as_evaluate(metric, folder).compute(predictions=[...], references=[[...], ...])`` gives ``{metric.name: value}``; a
metric that reads likelihoods takes ``nll=, tokens=, correct=, bytes=`` instead.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftbench.core.components.metric import Metric

LIKELIHOOD = ("nll", "tokens", "correct", "bytes")


def as_evaluate(metric: Metric, folder: Path) -> Any:
    """Returns ``metric`` as an instance of a subclass of ``evaluate.Metric``.

    Args:
        metric: any metric of ours.
        folder: where ``evaluate`` may make its (empty) folder; rows are kept in memory.
    """
    import datasets
    import evaluate

    if metric.reads == "likelihood":
        features = {name: datasets.Value("float64") for name in LIKELIHOOD}
    else:
        features = {"predictions": datasets.Value("string"), "references": datasets.Sequence(datasets.Value("string"))}

    class OfflineMetric(evaluate.Metric):
        def _info(self) -> Any:
            return evaluate.MetricInfo(
                description=f"{metric.name} of ftbench: {metric.signature()}",
                citation="",
                inputs_description="",
                features=datasets.Features(features),
            )

        def _compute(self, *, finish: Sequence[str] | None = None, **columns: Any) -> dict[str, float]:
            rows = _rows(columns, finish)
            return {metric.name: metric.corpus(rows)}

    return OfflineMetric(keep_in_memory=True, cache_dir=str(folder), seed=0)


def measure(metric: Metric, rows: Sequence[dict[str, Any]], folder: Path) -> float:
    """Returns the metric of the rows of ``outputs.jsonl`` or ``likelihood.jsonl`` through ``evaluate``.

    A metric with ``whole_rows`` reads more of a row than ``evaluate`` has columns for, and is taken as it stands.

    Args:
        metric: the metric.
        rows: at least one row.
        folder: where a temporary folder may be made; it is gone when this returns.
    """
    if metric.whole_rows:
        return metric.corpus(rows)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".evaluate-") as scratch:
        module = as_evaluate(metric, Path(scratch))
        if metric.reads == "likelihood":
            columns = {name: [row[name] for row in rows] for name in LIKELIHOOD}
            return float(module.compute(**columns)[metric.name])
        predictions = [row["output"] for row in rows]
        references = [list(row["references"]) for row in rows]
        finish = [row["finish"] for row in rows]
        return float(module.compute(predictions=predictions, references=references, finish=finish)[metric.name])


def _rows(columns: dict[str, Any], finish: Sequence[str] | None) -> list[dict[str, Any]]:
    if "nll" in columns:
        return [
            dict(zip(LIKELIHOOD, values, strict=True))
            for values in zip(*(columns[name] for name in LIKELIHOOD), strict=True)
        ]
    predictions = columns["predictions"]
    finish = ["stop"] * len(predictions) if finish is None else finish
    return [
        {"output": prediction, "references": list(references), "finish": end}
        for prediction, references, end in zip(predictions, columns["references"], finish, strict=True)
    ]
