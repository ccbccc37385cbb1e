"""The generate stage: one answer per example of a split, and how long answering takes."""

from __future__ import annotations

import importlib
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.example import Example, Request
from ftbench.core.files import write_json, write_jsonl
from ftbench.core.job import Job, Outcome
from ftbench.models.decoding import TRANSFORMERS, VLLM
from ftbench.stages.recorded import run_recorded
from ftbench.stages.remote import run_remote
from ftbench.stages.requests import cut_counts, encode_all, gold_slice, split_requests
from ftbench.stages.served import engine, served
from ftbench.stats.failed_rows import none_left

BACKENDS = {TRANSFORMERS: "ftbench.models.generate", VLLM: "ftbench.models.vllm_engine"}
ENDLESS_SHARE = 0.5
"""More than this share of answers at the cap is no long answer here and there: most answers have no end."""


def run(job: Job) -> Outcome:
    """Writes ``outputs.jsonl`` (reproducible bytes) and ``timings.json`` (this machine's).

    Raises:
        FtbenchError: when no row was answered, with the commonest reasons.
    """
    model = job.component("model")
    if getattr(model, "records", False):
        return run_recorded(job, model)
    if getattr(model, "remote", False):
        return run_remote(job, model)
    decoding, seed = job.component("decoding"), job.stage.config["seed"]
    examples, requests, made_seconds = split_requests(job)
    with job.phase("load"):
        backend = importlib.import_module(BACKENDS[decoding.backend])
    with (served if decoding.backend == TRANSFORMERS else engine)(job) as loaded:
        sent = encode_all(
            loaded.format, requests, [None] * len(requests), loaded.context_tokens, decoding.max_new_tokens
        )
        sound = [one.encoded for one in sent if one.encoded is not None]
        with job.phase("work"):
            start = time.perf_counter()
            answers = iter(backend.generate(loaded, sound, decoding, seed, job.progress))
            batch_seconds = time.perf_counter() - start
        with job.phase("latency"):
            latency_seconds, first_token_seconds = backend.latencies(loaded, sound, decoding, seed)
    rows = [
        (
            _row(example, one.request, one.encoded.prompt, vars(next(answers)))
            if one.encoded is not None
            else _row(example, one.request, "", _failure(one.error))
        )
        for example, one in zip(examples, sent, strict=True)
    ]
    if rows and all(row["finish"] == "error" for row in rows):
        raise FtbenchError(none_left("was answered", [row["error"] for row in rows]))
    write_jsonl(job.folder / "outputs.jsonl", rows)
    tokens = {name: sum(row[f"{name}_tokens"] for row in rows) for name in ("prompt", "completion")}
    added = sum((row["notes"] or {}).get("added_tokens", 0) for row in rows)
    timings = {
        "batch_seconds": batch_seconds,
        "requests": len(sound),
        "completion_tokens": tokens["completion"],
        "latency_seconds": [
            made_seconds + seconds for seconds in latency_seconds
        ],  # whoever asks waits for the retriever too
        "first_token_seconds": [made_seconds + seconds for seconds in first_token_seconds],
    }
    write_json(job.folder / "timings.json", timings)
    finishes = Counter(row["finish"] for row in rows)
    details = {
        "rows": len(rows),
        "failed": finishes["error"],
        "length_capped_share": finishes["length"] / len(rows) if rows else None,
        "cut": cut_counts(sent),
        "backend": decoding.backend,
        "notes": [*loaded.notes(), *endless(rows, loaded.format.tokenizer, decoding.max_new_tokens)],
    }
    return Outcome(tokens={**tokens, "prompt_added": added}, provenance=loaded.provenance(), details=details)


def endless(rows: Sequence[dict[str, Any]], tokenizer: Any, cap: int) -> list[str]:
    """Returns a sentence where most answers ran into the cap: the model never stops, or the cap cuts answers off that
    should be longer.
    """
    capped = [row for row in rows if row["finish"] == "length"]
    if len(capped) <= ENDLESS_SHARE * len(rows):
        return []
    told = f"{len(capped)} of {len(rows)} answers ran into the cap of {cap} tokens"
    fitting = [
        row
        for row in capped
        if any(len(tokenizer(text, add_special_tokens=False)["input_ids"]) < cap for text in row["references"])
    ]
    if len(fitting) <= ENDLESS_SHARE * len(capped):
        return [f"{told}, and so would most of their references. Raise decoding.max_new_tokens"]
    return [
        f"never stops generating: {told}, while a reference of most is shorter. Train longer, or name the end in"
        " decoding.stop"
    ]


def _row(example: Example, request: Request, prompt: str, answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": example.id,
        "prompt": prompt,
        "output": answer["text"],
        "finish": answer["finish"],
        "error": answer["error"],
        "references": list(example.references),
        "group": example.group,
        "slices": {**example.slices, **gold_slice(example, request)},
        "prompt_tokens": answer["prompt_tokens"],
        "completion_tokens": answer["completion_tokens"],
        "shots": list(request.shots),
        "documents": list(request.documents),
        "gold_documents": list(example.gold_documents),
        "notes": request.notes,
    }


def _failure(error: str | None) -> dict[str, Any]:
    return {"text": "", "finish": "error", "error": error, "prompt_tokens": 0, "completion_tokens": 0}
