"""The harness stage: one lm-eval task, asked of a cell's weights in memory, every example's values kept.

Writes ``harness.json`` (figures as lm-eval gives them, versions, shots, template), ``samples.jsonl`` (what was asked
and answered) and ``statistics.npz`` (values per example, for intervals and paired comparisons). The model and its
tokenizer are left as they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from ftbench.core.canonical import digest
from ftbench.core.errors import FtbenchError
from ftbench.core.files import write_json, write_jsonl
from ftbench.core.job import Job, Outcome
from ftbench.metrics.harness import Harness
from ftbench.stages.harness_figures import figures_of, lm_eval_version, sample_rows
from ftbench.stages.served import served
from ftbench.stats.sufficient_statistics import Sufficient

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
        manager = _manager(harness.include_path or "", harness.folder().has_all([task]))
    with served(job) as loaded, _asked(loaded, harness) as model, job.phase("work"):
        found = _evaluated(model, manager, task, harness)
    tasks = list(found["samples"])
    rows = [row for name in tasks for row in sample_rows(name, found["samples"][name])]
    ids = tuple(dict.fromkeys(row["id"] for row in rows))
    tables, figures = figures_of(task, found, ids)
    template = loaded.format.template if harness.apply_chat_template else None
    said = {
        "task": task,
        "lm_eval": lm_eval_version(),
        "tasks": {name: _told(name, found) for name in tasks},
        "chat_template": None if template is None else digest(template),
        "limit": harness.limit,
        "cut": model.cut,
        "metrics": figures,
    }
    write_json(job.folder / "harness.json", said)
    write_jsonl(job.folder / "samples.jsonl", rows)
    Sufficient(ids, (None,) * len(ids), ({},) * len(ids), tables).write(job.folder)
    notes = []
    if model.cut:
        longer = f"{model.cut} of {model.asked} requests were longer than the model's window"
        notes.append(f"{task}: {longer} and lost their beginning")
    asked = [said["tasks"][name]["num_fewshot"] for name in tasks]
    if harness.num_fewshot is not None and any(shots != harness.num_fewshot for shots in asked):
        above = f"which lm-eval puts above harness.num_fewshot={harness.num_fewshot}"
        notes.append(f"{task}: its YAML says num_fewshot 0, {above}")
    job.progress(1, 1)
    return Outcome(
        tokens={"prompt": model.tokens},
        provenance=loaded.provenance(),
        details={"n": len(ids), "requests": model.asked, "notes": notes},
    )


def _told(name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    shots, asked = found["n-shot"].get(name), found["n-samples"][name]["effective"]
    return {"version": found["versions"].get(name), "num_fewshot": shots, "n": asked}


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
        raise FtbenchError(
            f"harness.tasks={task}: lm-eval {lm_eval_version()} has no such task. lm-eval ls tasks lists them"
        )
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
        why = f"lm-eval cannot run it ({type(error).__name__}: {lines[0]})"
        raise FtbenchError(f"harness.tasks={task}: {why}. {fix}") from error
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
