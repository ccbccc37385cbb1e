"""The likelihood stage of an endpoint that echoes: prompt and answer go out as one text, and its log-probabilities come
back.

Only for ``model.echo_log_probabilities=true``. A row whose reply does not tell has ``nll: null`` and its reason, so the
metrics are n/a (mistake 21).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ftbench.core.example import Example, Request
from ftbench.core.files import write_jsonl
from ftbench.core.job import Job, Outcome
from ftbench.models.plain_text import plain_parts
from ftbench.models.remote.ask import Asked, ask_all
from ftbench.models.remote.echo import LEAST_TOP, Echoed, NoValue, read_echo
from ftbench.stages.remote import provenance, tokens
from ftbench.stages.requests import Sent, cut_counts, lost_parts, split_requests
from ftbench.text.secrets import scrub


def run_remote_likelihood(job: Job, model: Any, target_of: Any) -> Outcome:
    """Writes ``likelihood.jsonl``.

    Args:
        target_of: example -> the text to score.

    Raises:
        FtbenchError: when the endpoint cannot be asked, or failed every row.
    """
    examples, requests, _ = split_requests(job)
    with job.phase("prompts"):
        targets = {example.id: target_of(example) for example in examples}
    with job.phase("work"):
        asking = replace(model, stream=False)  # a stream of one token tells nothing sooner
        found = ask_all(
            asking,
            requests,
            lambda request: body(model, request, targets[request.id]),
            lambda request: (),
            job.scratch,
            job.progress,
        )
    rows = [_row(example, one, targets[example.id]) for example, one in zip(examples, found, strict=True)]
    write_jsonl(job.folder / "likelihood.jsonl", rows)
    replies = [one.reply for one in found if one.reply is not None]
    told = [
        replace(one.request, notes={**(one.request.notes or {}), "cut": lost_parts(whole, one.request)})
        for one, whole in zip(found, requests, strict=True)
    ]
    details = {
        "rows": len(rows),
        "failed": sum(row["nll"] is None for row in rows),
        "cut": cut_counts([Sent(one, None, None) for one in told]),
        "backend": "endpoint",
    }
    return Outcome(tokens=tokens(replies), provenance=provenance(model, replies), details=details)


def body(model: Any, request: Request, target: str) -> dict[str, Any]:
    """Returns what is sent: the text to be echoed, and one token to write, since some servers refuse to write none."""
    text = "".join(plain_parts(request.turns)) + target
    return {
        "model": model.name,
        "prompt": text,
        "echo": True,
        "logprobs": LEAST_TOP,
        model.max_tokens_field: 1,
        "temperature": 0.0,
        **model.extra_body,
    }


def _row(example: Example, one: Asked, target: str) -> dict[str, Any]:
    scored, error = None, one.error
    if one.reply is not None and error is None:
        try:
            scored = read_echo(one.reply.logprobs, one.reply.completion_tokens, target)
        except NoValue as none:
            error = str(none)
    held = scored or Echoed(0.0, 0, None)
    return {
        "id": example.id,
        "group": example.group,
        "slices": example.slices,
        "nll": None if scored is None else held.nll,
        "tokens": held.tokens,
        "correct": held.correct,
        "bytes": len(target.encode("utf-8")),
        "nll_end": None,  # a server echoes what was sent, and no end of turn was
        "error": scrub(error) if error else None,
    }
