"""The generate stage of a model behind an endpoint: asks for every row, counts what was counted for it, tells what
looked wrong.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ftbench.core.example import Example, Request
from ftbench.core.files import write_json, write_jsonl
from ftbench.core.job import Job, Outcome
from ftbench.models.plain_text import TURN_BREAK, plain_parts
from ftbench.models.remote.ask import Asked, ask_all
from ftbench.models.remote.reply import Reply
from ftbench.stages.requests import Sent, cut_counts, gold_slice, lost_parts, split_requests
from ftbench.text.secrets import scrub

ENDLESS_SHARE = 0.5
GREEDY_SEED = 0
"""Sent with greedy requests: some hosts decode by chance even at temperature 0."""


def run_remote(job: Job, model: Any) -> Outcome:
    """Writes ``outputs.jsonl`` and ``timings.json``, as a local model's stage does.

    Raises:
        FtbenchError: when the endpoint cannot be asked, or failed every row.
    """
    decoding, seed = job.component("decoding"), job.stage.config["seed"]
    examples, requests, made_seconds = split_requests(job)
    with job.phase("load"):
        import openai  # noqa: F401 - its import takes a second, which is no part of answering
    with job.phase("work"):
        start = time.perf_counter()
        found = ask_all(
            model,
            requests,
            lambda request: body(model, decoding, seed, request),
            lambda request: stop_texts(model, decoding, request),
            job.scratch,
            job.progress,
        )
        batch_seconds = time.perf_counter() - start
    rows = [_row(model, example, one, whole) for example, one, whole in zip(examples, found, requests, strict=True)]
    write_jsonl(job.folder / "outputs.jsonl", rows)
    replies = [one.reply for one in found if one.reply is not None]
    fresh = [one.reply for one in found if one.reply is not None and one.now]
    timings = {
        "batch_seconds": batch_seconds,
        "requests": sum(one.now for one in found),
        "completion_tokens": _total([reply.completion_tokens for reply in fresh]),
        "concurrency": model.concurrency,
        "latency_seconds": [
            made_seconds + reply.seconds for reply in replies
        ],  # whoever asks waits for the retriever too
        "first_token_seconds": [
            made_seconds + reply.first_token_seconds for reply in replies if reply.first_token_seconds is not None
        ],
    }
    write_json(job.folder / "timings.json", timings)
    finishes = Counter(row["finish"] for row in rows)
    details = {
        "rows": len(rows),
        "failed": finishes["error"],
        "length_capped_share": finishes["length"] / len(rows) if rows else None,
        "cut": cut_counts(
            [Sent(replace(one.request, notes=row["notes"]), None, None) for one, row in zip(found, rows, strict=True)]
        ),
        "answered": len(replies),
        "answered_before": sum(not one.now for one in found),
        "attempts": sum(reply.attempts for reply in replies),
        "backend": "endpoint",
        "notes": [*_findings(model, found, decoding.max_new_tokens), *_uncounted(replies)],
    }
    return Outcome(tokens=tokens(replies), provenance=provenance(model, replies), details=details)


def body(model: Any, decoding: Any, seed: int | None, request: Request) -> dict[str, Any]:
    """Returns what is sent for a request; greedy is temperature 0."""
    sampled = decoding.do_sample
    wanted: dict[str, Any] = {
        "temperature": decoding.temperature if sampled else 0.0,
        "top_p": decoding.top_p if sampled else 1.0,
        "seed": seed if sampled else GREEDY_SEED,
        "stop": list(stop_texts(model, decoding, request)) or None,
    }
    sent: dict[str, Any] = {"model": model.name, model.max_tokens_field: decoding.max_new_tokens}
    sent |= {name: value for name, value in wanted.items() if value is not None and name not in model.omit}
    if sampled and decoding.top_k:
        sent["top_k"] = decoding.top_k
    sent |= model.extra_body
    if model.api == "chat":
        return {**sent, "messages": [{"role": turn.role, "content": turn.content} for turn in request.turns]}
    return {**sent, "prompt": "".join(plain_parts(request.turns))}


def stop_texts(model: Any, decoding: Any, request: Request) -> Sequence[str]:
    """Returns the texts that end an answer: those of the decoding, and in plain text after worked examples the gap
    between turns.
    """
    answered = model.api == "completions" and any(turn.role == "assistant" for turn in request.turns)
    return tuple(dict.fromkeys([*([TURN_BREAK] if answered else []), *decoding.stop]))


def tokens(replies: Sequence[Reply]) -> dict[str, int]:
    """Returns the tokens that the endpoint counted; a kind that it left out for any answer is left out here, never
    estimated.
    """
    found = {
        "prompt": _total([reply.prompt_tokens for reply in replies]),
        "completion": _total([reply.completion_tokens for reply in replies]),
    }
    if any(reply.cached_tokens is not None for reply in replies):
        found["cached_prompt"] = sum(reply.cached_tokens or 0 for reply in replies)
    return {name: count for name, count in found.items() if count is not None}


def provenance(model: Any, replies: Sequence[Reply]) -> dict[str, Any]:
    """Returns who answered, by the endpoint's own word; the weights behind it have no hash that anybody could check."""
    return {
        "base_url": model.base_url,
        "model": model.name,
        "revision": model.revision,
        "served_models": dict(sorted(Counter(str(reply.model) for reply in replies).items())),
        "system_fingerprints": dict(sorted(Counter(str(reply.fingerprint) for reply in replies).items())),
    }


def _row(model: Any, example: Example, one: Asked, whole: Request) -> dict[str, Any]:
    reply, notes = one.reply, one.request.notes
    if whole.shorter is not None or notes is not None:
        notes = {**(notes or {}), "cut": lost_parts(whole, one.request)}
    return {
        "id": example.id,
        "prompt": shown(model, one.request),
        "output": reply.text if reply else "",
        "finish": reply.finish if reply else "error",
        "error": scrub(one.error) if one.error else None,
        "references": list(example.references),
        "group": example.group,
        "slices": {**example.slices, **gold_slice(example, one.request)},
        "prompt_tokens": reply.prompt_tokens if reply else 0,
        "completion_tokens": reply.completion_tokens if reply else 0,
        "shots": list(one.request.shots),
        "documents": list(one.request.documents),
        "gold_documents": list(example.gold_documents),
        "notes": notes,
    }


def shown(model: Any, request: Request) -> str:
    """Returns a prompt as a person can read it: the text as sent, or the turns, which the endpoint renders by a
    template of its own.
    """
    if model.api == "completions":
        return "".join(plain_parts(request.turns))
    return "\n\n".join(f"[{turn.role}]\n{turn.content}" for turn in request.turns)


def _findings(model: Any, found: Sequence[Asked], cap: int) -> list[str]:
    replies = [one.reply for one in found if one.reply is not None]
    said = []
    strangers = Counter(
        reply.model for reply in replies if reply.model is not None and not _same_model(model.name, reply.model)
    )
    for name, count in strangers.items():
        said.append(f"asked for {model.name}, and {count} of {len(replies)} answers say that they are by {name}")
    prints = {reply.fingerprint for reply in replies if reply.fingerprint is not None}
    if len(prints) > 1:
        said.append(
            f"{len(prints)} system fingerprints among the answers of {model.name}: its host changed something in"
            " between"
        )
    ids = Counter(reply.response_id for reply in replies if reply.response_id is not None)
    twice = sum(count - 1 for count in ids.values())
    if twice:
        said.append(
            f"{twice} of {len(replies)} replies of {model.name} bear the id of another: something between repeats"
            " answers"
        )
    several = sum(reply.choices > 1 for reply in replies)
    if several:
        said.append(
            f"{several} of {len(replies)} replies of {model.name} held more than the one answer asked for; the first is"
            " taken"
        )
    again = sum(reply.attempts - 1 for reply in replies)
    if again:
        said.append(
            f"{again} requests to {model.name} were sent again after a failure; tokens of lost replies may have been"
            " billed and are not counted"
        )
    before = sum(not one.now for one in found)
    if before:
        said.append(
            f"{before} of {len(found)} answers of {model.name} are of an earlier attempt that was stopped; the pace is"
            " that of the others"
        )
    capped = sum(reply.finish == "length" for reply in replies)
    if capped > ENDLESS_SHARE * len(found):
        said.append(
            f"{capped} of {len(found)} answers of {model.name} ran into the cap of {cap} tokens. Raise"
            " decoding.max_new_tokens"
        )
    empty = sum(not reply.text.strip() and reply.finish == "stop" for reply in replies)
    if empty:
        said.append(
            f"{empty} of {len(found)} answers of {model.name} are empty: a model that reasons wants a higher"
            " decoding.max_new_tokens, or no reasoning (model.extra_body)"
        )
    aloud = sum(reply.text.lstrip().startswith("<think>") for reply in replies)
    if aloud:
        said.append(
            f"{aloud} of {len(found)} answers of {model.name} begin with their reasoning, which is scored with them."
            " Switch it off (model.extra_body), or name the answer in dataset.answer_pattern"
        )
    return said


def _same_model(asked: str, served: str) -> bool:
    """Says whether a served name can be the one asked for: a dated snapshot of it, or its last part (``owner/name``, a
    path).
    """
    short, other = (name.rstrip("/").rpartition("/")[2].partition("@")[0].lower() for name in (asked, served))
    return other.startswith(short) or short.startswith(other)


def _uncounted(replies: Sequence[Reply]) -> list[str]:
    lost = sum(reply.prompt_tokens is None or reply.completion_tokens is None for reply in replies)
    return (
        [f"{lost} of {len(replies)} replies do not say how many tokens they took, so tokens and dollars are unknown"]
        if lost
        else []
    )


def _total(counts: Sequence[int | None]) -> int | None:
    return None if any(count is None for count in counts) else sum(count for count in counts if count is not None)
