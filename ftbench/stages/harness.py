"""The harness stage: one lm-eval task, asked of a cell's weights in memory, every example's values kept.

Writes ``harness.json`` (figures as lm-eval gives them, versions, shots, template), ``samples.jsonl`` (what was asked
and answered) and ``statistics.npz`` (values per example, for intervals and paired comparisons). The model and its
tokenizer are left as they were.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from ftbench.core.canonical import digest
from ftbench.core.errors import FtbenchError
from ftbench.core.files import write_json, write_jsonl
from ftbench.core.job import Job, Outcome
from ftbench.metrics.harness import Harness
from ftbench.stages.served import served
from ftbench.stats.aggregate import AGGREGATIONS
from ftbench.stats.sufficient import Sufficient

TOLERANCE = 1e-6
"""Our sums against lm-eval's own, relative: it adds up in another order."""
SEED = 1234
"""Of the draw of worked examples; lm-eval's own default."""


def run(job: Job) -> Outcome:
    """Asks ``config["harness"]``, which names one task.

    Raises:
        FtbenchError: when there is no such task, its data cannot be had, or it wants a chat template that the model has
            not.
    """
    harness = job.component("harness")
    assert isinstance(harness, Harness)
    (task,) = harness.tasks
    with job.phase("load"):
        manager = _manager(
            harness.include_path if harness.include_path is not None else "", harness.folder().whole([task])
        )
    with served(job) as loaded, _asked(loaded, harness) as model, job.phase("work"):
        found = _evaluated(model, manager, task, harness)
    tasks = list(found["samples"])
    rows = [row for name in tasks for row in _samples(name, found["samples"][name])]
    ids = tuple(dict.fromkeys(row["id"] for row in rows))
    tables, figures = _figures(task, found, ids)
    template = loaded.format.template if harness.apply_chat_template else None
    said = {
        "task": task,
        "lm_eval": _version(),
        "tasks": {
            name: {
                "version": found["versions"].get(name),
                "num_fewshot": found["n-shot"].get(name),
                "n": found["n-samples"][name]["effective"],
            }
            for name in tasks
        },
        "chat_template": None if template is None else digest(template),
        "limit": harness.limit,
        "cut": model.cut,
        "metrics": figures,
    }
    write_json(job.folder / "harness.json", said)
    write_jsonl(job.folder / "samples.jsonl", rows)
    Sufficient(ids, (None,) * len(ids), ({},) * len(ids), tables).write(job.folder)
    notes = (
        [f"{task}: {model.cut} of {model.asked} requests were longer than the model's window and lost their beginning"]
        if model.cut
        else []
    )
    asked = [said["tasks"][name]["num_fewshot"] for name in tasks]
    if harness.num_fewshot is not None and any(shots != harness.num_fewshot for shots in asked):
        notes.append(
            f"{task}: its YAML says num_fewshot 0, which lm-eval puts above harness.num_fewshot={harness.num_fewshot}"
        )
    job.progress(1, 1)
    return Outcome(
        tokens={"prompt": model.tokens},
        provenance=loaded.provenance(),
        details={"n": len(ids), "requests": model.asked, "notes": notes},
    )


@contextmanager
def _asked(loaded: Any, harness: Harness) -> Iterator[Any]:
    """Yields lm-eval's model over the one in memory.

    A prompt has the ids that ftbench's own prompts have: text of a chat template brings its own begin-of-text and gets
    no other, plain text gets the tokenizer's (docs/mistakes.md, number 10).
    """
    import copy

    from lm_eval.models.huggingface import HFLM
    from transformers import GenerationConfig

    from ftbench.models.intact import intact, require_finite

    class InMemory(HFLM):
        """Counts what is asked, and what does not fit."""

        cut = asked = tokens = 0

        def _loglikelihood_tokens(self, requests: Any, *arguments: Any, **options: Any) -> Any:
            lengths = [len(context) + len(continuation) for _, context, continuation in requests]
            self.asked += len(lengths)
            self.tokens += sum(lengths)
            self.cut += sum(length > self.max_length + 1 for length in lengths)
            return super()._loglikelihood_tokens(requests, *arguments, **options)

        def loglikelihood_rolling(self, requests: Any, *arguments: Any, **options: Any) -> Any:
            # lm-eval puts a begin-of-text before the text itself; one from the tokenizer on top would be scored as a
            # token of the text
            self.add_bos_token, own = False, self.add_bos_token
            try:
                return super().loglikelihood_rolling(requests, *arguments, **options)
            finally:
                self.add_bos_token = own

        def tok_batch_encode(self, strings: Any, *arguments: Any, **options: Any) -> Any:
            lengths = [len(self.tok_encode(text)) for text in strings]
            room = options.get("left_truncate_len")
            self.asked += len(lengths)
            self.tokens += sum(lengths)
            self.cut += sum(room is not None and length > room for length in lengths)
            return super().tok_batch_encode(strings, *arguments, **options)

    templated = harness.apply_chat_template
    if templated and loaded.format.template is None:
        raise FtbenchError(
            "harness.apply_chat_template=true: this model has no chat template. Set it to false, or give"
            " model.chat_template"
        )
    tokenizer = copy.deepcopy(loaded.tokenizer)  # lm-eval gives it a pad token
    if templated:
        tokenizer.chat_template = loaded.format.template
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(loaded.pad_id)
    require_finite(loaded.model)  # lm-eval takes the largest of NaN for a choice
    with intact(loaded.model), _quiet():
        loaded.model.generation_config = GenerationConfig(
            eos_token_id=list(loaded.stop_ids), pad_token_id=loaded.pad_id
        )
        yield InMemory(
            pretrained=loaded.model,
            tokenizer=tokenizer,
            batch_size=harness.batch_size,
            max_length=loaded.context_tokens,
            add_bos_token=False if templated else None,
            chat_template_args=dict(loaded.format.arguments) if templated else None,
        )


def _evaluated(model: Any, manager: Any, task: str, harness: Harness) -> dict[str, Any]:
    from lm_eval import simple_evaluate

    if task not in manager.task_index:
        raise FtbenchError(f"harness.tasks={task}: lm-eval {_version()} has no such task. lm-eval ls tasks lists them")
    seeds = dict.fromkeys(("random_seed", "numpy_random_seed", "torch_random_seed", "fewshot_random_seed"), SEED)
    try:
        found = simple_evaluate(
            model,
            tasks=[task],
            num_fewshot=harness.num_fewshot,
            limit=harness.limit,
            apply_chat_template=harness.apply_chat_template,
            bootstrap_iters=0,
            log_samples=True,
            task_manager=manager,
            **seeds,
        )
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":
            raise
        lines = str(error).strip().splitlines() or [""]
        fix = "Its data may need the network (or HF_DATASETS_OFFLINE off), or its YAML mending"
        raise FtbenchError(
            f"harness.tasks={task}: lm-eval cannot run it ({type(error).__name__}: {lines[0]}). {fix}"
        ) from error
    if not any(found["samples"].values()):
        raise FtbenchError(f"harness.tasks={task}: holds no questions")
    return found


@lru_cache(maxsize=2)
def _manager(include_path: str, own_alone: bool) -> Any:
    """Returns lm-eval's task manager; searching its own tasks takes seconds, so it is done only where they are
    wanted.
    """
    with _quiet():
        from lm_eval.tasks import TaskManager

        return TaskManager(include_path=include_path or None, include_defaults=not own_alone)


@contextmanager
def _quiet() -> Iterator[None]:
    """lm-eval logs at length; a worker's log keeps its errors."""
    import logging

    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _version() -> str:
    from importlib.metadata import version

    return version("lm_eval")


def _samples(task: str, samples: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
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


def _figures(task: str, found: Mapping[str, Any], ids: Sequence[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns name -> statistics [n, k], and name -> what is known of the figure.

    A group stands for its tasks where lm-eval makes one figure of them; a tag, of which it makes none, is its tasks.
    """
    place = {name: index for index, name in enumerate(ids)}
    headed = (
        [task]
        if task in found["results"] and any("," in key for key in found["results"][task])
        else list(found["samples"])
    )
    tables: dict[str, np.ndarray] = {}
    figures: dict[str, Any] = {}
    for head in headed:
        members = (
            [head] if head in found["samples"] else [name for name in found["samples"] if name in _leaves(head, found)]
        )
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
                "n": (
                    len(ids)
                    if len(members) == len(found["samples"])
                    else sum(row.split(":")[0] in members for row in ids)
                ),
                "signature": _signature(head, members, found),
            }
    return tables, figures


def _signature(head: str, members: Sequence[str], found: Mapping[str, Any]) -> str:
    versions = dict.fromkeys(str(found["versions"].get(name)) for name in members)
    shots = dict.fromkeys(str(found["n-shot"].get(name)) for name in members)
    return f"{head}|version:{'/'.join(versions)}|shots:{'/'.join(shots)}|lm_eval:{_version()}"


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
    values = {
        place[f"{name}:{row['doc_id']}"]: row.get(metric)
        for name in members
        for row in samples[name]
        if row["filter"] == filtered
    }
    pairs = kind in ("weighted_perplexity", "bits_per_byte")
    if any(
        not _is_number(value)
        and not (pairs and isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_is_number, value)))
        for value in values.values()
    ):
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
