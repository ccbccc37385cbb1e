"""The likelihood stage: how likely the model finds each example's target, for perplexity and bits-per-byte."""

from __future__ import annotations

from ftbench.core.errors import FtbenchError
from ftbench.core.example import Example
from ftbench.core.files import write_jsonl
from ftbench.core.job import Job, Outcome
from ftbench.models.rendering import separate_notes
from ftbench.stages.remote_likelihood import run_remote_likelihood
from ftbench.stages.requests import cut_counts, encode_all, split_requests
from ftbench.stages.served import served
from ftbench.stats.failed_rows import none_left

BATCH_ROWS = 16
"""Rows at once; values do not depend on it."""


def run(job: Job) -> Outcome:
    """Writes ``likelihood.jsonl``; a row that cannot be scored has ``nll: null`` and its reason.

    Raises:
        FtbenchError: when no row could be scored, with the commonest reasons.
    """
    model = job.component("model")
    if getattr(model, "remote", False):
        return run_remote_likelihood(job, model, _target)
    examples, requests, _ = split_requests(job)
    targets = [_target(example) for example in examples]
    with job.phase("load"):
        from ftbench.models.likelihood import Likelihood, likelihoods
    with served(job) as loaded:
        sent = encode_all(loaded.format, requests, targets, loaded.context_tokens, 0)
        with job.phase("work"):
            scores = iter(
                likelihoods(loaded, [one.encoded for one in sent if one.encoded is not None], BATCH_ROWS, job.progress)
            )
    # Of an answer that was encoded, the bytes are those of the text that its tokens hold: some templates strip it.
    texts = [target if one.encoded is None else one.encoded.answer for target, one in zip(targets, sent, strict=True)]
    found = [next(scores) if one.encoded is not None else Likelihood(None, 0, None, None, one.error) for one in sent]
    rows = [
        {
            "id": example.id,
            "group": example.group,
            "slices": example.slices,
            "nll": one.nll,
            "tokens": one.tokens,
            "correct": one.correct,
            "bytes": len(text.encode("utf-8")),
            "nll_end": one.nll_end,
            "error": one.error,
        }
        for example, text, one in zip(examples, texts, found, strict=True)
    ]
    if rows and all(row["nll"] is None for row in rows):
        raise FtbenchError(none_left("has a log-likelihood", [row["error"] for row in rows]))
    write_jsonl(job.folder / "likelihood.jsonl", rows)
    tokens = {
        "prompt": sum(len(one.encoded.prompt_ids) for one in sent if one.encoded is not None),
        "target": sum(row["tokens"] for row in rows if row["nll"] is not None),
    }
    notes = [*loaded.notes(), *separate_notes([one.encoded for one in sent if one.encoded is not None])]
    failed = sum(row["nll"] is None for row in rows)
    details = {"rows": len(rows), "failed": failed, "cut": cut_counts(sent), "notes": notes}
    return Outcome(tokens=tokens, provenance=loaded.provenance(), details=details)


def _target(example: Example) -> str:
    """Returns the text to score: the training target, else the first reference."""
    return example.target if example.target is not None else example.references[0]
