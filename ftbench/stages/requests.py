"""What generate and likelihood share: a split's examples as requests of the context, encoded for the model.

A row that cannot be encoded keeps its place, with the reason, so that n is the same for every cell (mistake 15).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.example import Document, Example, Request, read_examples
from ftbench.core.files import read_jsonl
from ftbench.core.job import Job
from ftbench.data.inspection.seen import with_seen
from ftbench.text.secrets import scrub

OWN_ROLES = ("prepare", "documents", "weights", "merged")


def instructed(job: Job, split: str) -> list[Example]:
    """Returns the rows of a prepared split with the instruction that the model will be asked with."""
    rows = read_examples(job.inputs["prepare"] / f"{split}.jsonl")
    return job.component("prompt").examples(rows) if "prompt" in job.stage.config else rows


def grounded_rows(job: Job, loaded: Any, method: Any) -> tuple[list[Example], list[Example], dict[str, Any]]:
    """Returns training rows with retrieved passages, validation rows as they will be asked, and what a receipt says of
    them.

    A row that is too long loses its last passages and never its answer.
    """
    context, seed, prepared = job.component("context"), job.stage.config["seed"], job.inputs["prepare"]
    train, validation = (read_examples(prepared / f"{split}.jsonl") for split in ("train", "validation"))
    documents = _documents(job)
    folders = {role: folder for role, folder in job.inputs.items() if role not in OWN_ROLES}
    limit = min((limit for limit in (method.max_tokens, loaded.context_tokens) if limit is not None), default=None)

    def fitted(
        rows: Sequence[Example], requests: Sequence[Request], room: int | None
    ) -> tuple[list[Example], list[Sent]]:
        told = (
            [job.component("prompt").request(request) for request in requests]
            if "prompt" in job.stage.config
            else requests
        )
        sent = encode_all(loaded.format, told, [row.target for row in rows], room, 0)
        return [replace(row, turns=one.request.turns) for row, one in zip(rows, sent, strict=True)], sent

    made = context.training_requests(train, documents, folders, method.train_context, seed)
    shown = sum(bool((request.notes or {}).get("gold_shown")) for request in made)
    rows, sent = fitted(train, made, limit)
    held, _ = fitted(validation, context.requests(validation, train, documents, folders, seed), loaded.context_tokens)
    return rows, held, {"gold_shown": shown, "context_cut": cut_counts(sent)}


def _documents(job: Job) -> list[Document]:
    """Returns the documents, for a context that shows them other than from its own index."""
    return (
        [Document(**row) for row in read_jsonl(job.inputs["documents"] / "documents.jsonl")]
        if "documents" in job.inputs
        else []
    )


def split_requests(job: Job) -> tuple[list[Example], list[Request], float]:
    """Returns the examples of the stage's split, sliced by what training has seen, what its context makes of each, and
    the seconds that one takes.

    What a retriever loads is a warm-up, once for however many requests; the phase ``prompts`` is what each of them
    takes (mistake 30).
    """
    with job.phase("warm_up"):
        getattr(job.component("context"), "ready", lambda: None)()
    with job.phase("prompts"):
        start = time.perf_counter()
        examples, requests = _split_requests(job)
        return examples, requests, (time.perf_counter() - start) / max(len(examples), 1)


def _split_requests(job: Job) -> tuple[list[Example], list[Request]]:
    config, prepared = job.stage.config, job.inputs["prepare"]
    pool = read_examples(prepared / "train.jsonl")
    examples = with_seen(read_examples(prepared / f"{config['split']}.jsonl"), pool)
    folders = {role: folder for role, folder in job.inputs.items() if role not in OWN_ROLES}
    requests = job.component("context").requests(examples, pool, _documents(job), folders, config["seed"])
    return examples, (
        [job.component("prompt").request(request) for request in requests] if "prompt" in config else requests
    )


@dataclass(frozen=True)
class Sent:
    """One row as it goes to the model.

    Attributes:
        request: what is left of the context's request.
        encoded: ``ftbench.models.format.Encoded``, or None where that failed.
        error: the reason, None where it did not fail.
    """

    request: Request
    encoded: Any
    error: str | None


def encode_all(
    format: Any, requests: Sequence[Request], targets: Sequence[str | None], window: int | None, reserved: int
) -> list[Sent]:
    """Encodes every request with its target, cut by rule until it fits.

    What a context added is left out one part at a time: documents first, last one first; then worked examples; the
    question never. The notes of such a request tell what was cut, and how many tokens of the prompt the context still
    added.

    Args:
        window: most tokens of prompt and answer together, None for no limit.
        reserved: tokens kept free for the answer, beside those of the target.
    """
    return [
        _sent(format, request, target, None if window is None else window - reserved)
        for request, target in zip(requests, targets, strict=True)
    ]


def _sent(format: Any, whole: Request, target: str | None, room: int | None) -> Sent:
    try:
        request, encoded = whole, format.encode(whole.turns, target)
        while request.shorter is not None and room is not None and _length(encoded) > room:
            request = request.shorter()
            encoded = format.encode(request.turns, target)
        if whole.shorter is None and whole.notes is None:
            return Sent(request, encoded, None)
        bare = request
        while bare.shorter is not None:
            bare = bare.shorter()
        added = len(encoded.prompt_ids) - len(format.encode(bare.turns).prompt_ids)
        return Sent(
            replace(request, notes={**(request.notes or {}), "added_tokens": added, "cut": lost_parts(whole, request)}),
            encoded,
            None,
        )
    except FtbenchError as error:
        return Sent(whole, None, scrub(str(error)))


def _length(encoded: Any) -> int:
    return len(encoded.prompt_ids) + len(encoded.target_ids) + len(encoded.end_ids)


def lost_parts(whole: Request, left: Request) -> dict[str, int]:
    """Returns how many passages and shots of a request were left out."""
    return {"passages": _passages(whole) - _passages(left), "shots": len(whole.shots) - len(left.shots)}


def _passages(request: Request) -> int:
    return (request.notes or {}).get("shown", 0)


def cut_counts(sent: Sequence[Sent]) -> dict[str, int]:
    """Returns over all rows how many were cut, and how many passages and shots they lost."""
    cuts = [cut for one in sent if (cut := (one.request.notes or {}).get("cut"))]
    parts = {name: sum(cut[name] for cut in cuts) for name in ("passages", "shots")}
    return {"rows": sum(any(cut.values()) for cut in cuts), **parts}


def gold_slice(example: Example, request: Request) -> dict[str, str]:
    """Returns where an example's gold documents ended up, as a slice: not found is another failure than found and not
    read.

    ``shown`` all of them in the prompt; ``partly`` some; ``cut`` chosen, and left out for want of room; ``not_found``.
    Empty without gold documents, or under a context that shows none.
    """
    notes = request.notes or {}
    wanted = set(example.gold_documents)
    if not wanted or "retrieved" not in notes:
        return {}
    shown = wanted & set(request.documents)
    if shown:
        return {"gold_document": "shown" if shown == wanted else "partly"}
    chosen = {passage["document"] for passage in notes["retrieved"][: notes["k"]]}
    return {"gold_document": "cut" if wanted & chosen else "not_found"}
