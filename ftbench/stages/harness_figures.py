"""What lm-eval answered, as ftbench keeps it: the questions, and each figure with the values per example that it was
made of.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from ftbench.stats.aggregate import AGGREGATIONS

TOLERANCE = 1e-6
"""Our sums against lm-eval's own, relative: it adds up in another order."""


def lm_eval_version() -> str:
    return version("lm_eval")


def sample_rows(task: str, samples: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yields what is kept of each question, by filter of the answers."""
    for sample in sorted(samples, key=lambda sample: sample["doc_id"]):
        arguments = [[_plain(part) for part in request] for request in sample["arguments"]]
        yield {
            "id": f"{task}:{sample['doc_id']}",
            "task": task,
            "filter": sample["filter"],
            "doc_hash": sample["doc_hash"],
            "target": _plain(sample["target"]),
            "arguments": arguments,
            "responses": _plain(sample["filtered_resps"]),
            "metrics": {name: _plain(sample[name]) for name in sample["metrics"]},
        }


def figures_of(task: str, found: Mapping[str, Any], ids: Sequence[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns name -> statistics [n, k], and name -> what is known of the figure.

    A group stands for its tasks where lm-eval makes one figure of them; a tag, of which it makes none, is its tasks.
    """
    place = {name: index for index, name in enumerate(ids)}
    whole = any("," in key for key in found["results"].get(task, ()))
    headed = [task] if whole else list(found["samples"])
    tables: dict[str, np.ndarray] = {}
    figures: dict[str, Any] = {}
    for head in headed:
        leaves = {head} if head in found["samples"] else _leaves(head, found)
        members = [name for name in found["samples"] if name in leaves]
        for key, value in found["results"][head].items():
            metric, comma, filtered = key.partition(",")
            if not comma or metric.endswith("_stderr") or not isinstance(value, (int, float)):
                continue
            name = f"{head}/{metric}" + ("" if filtered == "none" else f"@{filtered}")
            kinds = {_aggregation(found["configs"][member], metric) for member in members}
            kind = kinds.pop() if len(kinds) == 1 else None
            table, used = _table(metric, filtered, members, found["samples"], place, kind)
            total = None if table is None else float(AGGREGATIONS[used](table.sum(axis=0), np.float64(len(table))))
            if total is not None and math.isclose(total, value, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
                tables[name] = table
            else:
                used = None  # lm-eval weighs or counts in a way of its own: its figure stands, without an interval
            figures[name] = {
                "value": float(value) if math.isfinite(value) else None,
                "aggregation": used,
                "higher_is_better": found["higher_is_better"].get(head, {}).get(metric) is not False,
                "n": len(ids) if len(members) == len(found["samples"]) else sum(_task(row) in members for row in ids),
                "signature": _signature(head, members, found),
            }
    return tables, figures


def _task(row: str) -> str:
    return row.split(":")[0]


def _signature(head: str, members: Sequence[str], found: Mapping[str, Any]) -> str:
    versions = dict.fromkeys(str(found["versions"].get(name)) for name in members)
    shots = dict.fromkeys(str(found["n-shot"].get(name)) for name in members)
    return f"{head}|version:{'/'.join(versions)}|shots:{'/'.join(shots)}|lm_eval:{lm_eval_version()}"


def _leaves(group: str, found: Mapping[str, Any]) -> set[str]:
    members = found["group_subtasks"].get(group, [])
    return set(members).union(*(_leaves(member, found) for member in members)) if members else {group}


def _aggregation(config: Mapping[str, Any], metric: str) -> str | None:
    """Returns how lm-eval makes one figure of a metric's values: what the task says, else what is usual for the
    metric.
    """
    from lm_eval.api.registry import get_metric_aggregation

    for entry in config.get("metric_list") or ():
        if entry.get("metric") == metric and isinstance(entry.get("aggregation"), str):
            return entry["aggregation"]
    try:
        return getattr(get_metric_aggregation(metric), "__name__", None)
    except (KeyError, AssertionError):
        return None


def _table(
    metric: str,
    filtered: str,
    members: Sequence[str],
    samples: Mapping[str, Any],
    place: Mapping[str, int],
    kind: str | None,
) -> tuple[np.ndarray | None, str | None]:
    """Returns statistics [n, k] of a metric and the aggregation that fits them; None where its values are of another
    sort.
    """
    if kind not in AGGREGATIONS:
        return None, None
    rows = [(name, row) for name in members for row in samples[name] if row["filter"] == filtered]
    values = {place[f"{name}:{row['doc_id']}"]: row.get(metric) for name, row in rows}
    pairs = kind in ("weighted_perplexity", "bits_per_byte")
    if not all(_is_number(value) or (pairs and _is_pair(value)) for value in values.values()):
        return None, None
    if pairs:
        table = np.zeros((len(place), 2))
        for row, value in values.items():
            table[row] = value
        return table, kind
    if len(values) == len(place):
        return np.array([[float(values[row])] for row in range(len(place))]), kind
    if kind != "mean":
        return None, None
    table = np.zeros((len(place), 2))
    for row, value in values.items():
        table[row] = value, 1.0
    return table, "mean of counted"


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float, np.number)) and bool(np.isfinite(value))


def _is_pair(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_is_number, value))


def _plain(value: Any) -> Any:
    """Returns what JSON can hold of a value, half surrogate pairs replaced."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, (bool, int)) else str(value)
