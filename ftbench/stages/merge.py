"""The merge stage: trained weights merged into their base, as the folder that ships, and how far its answers are from
theirs.

Writes ``model/``: weights, config, tokenizer and chat template, as ``save_pretrained`` lays them out, and
``comparison.json``. A base in 4 bits is merged as it was before: the weights that were trained over it then stand over
slightly other ones, and the receipt prints how far apart that is, beside how far apart the two bases are without any
training (docs/mistakes.md, number 22).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ftbench.core.component import build
from ftbench.core.errors import FtbenchError
from ftbench.core.example import read_examples
from ftbench.core.files import write_json
from ftbench.core.job import Job, Outcome
from ftbench.stages.served import MODEL

PROMPTS = 8
"""Validation examples that adapter and merged weights are compared on."""

POSITIONS = 16
"""Logits are compared at the first so many tokens of each answer; greedy answers are at most twice as long."""


@dataclass(frozen=True)
class _Reading:
    """What one model says to the same prompts: ``logits`` [tokens, vocabulary] in float32 on the CPU, greedy
    ``answers``, one per prompt.
    """

    logits: Any
    answers: list[str]


def run(job: Job) -> Outcome:
    """Merges ``inputs["weights"]`` into ``config["model"]``; see the module.

    Raises:
        FtbenchError: when the method's weights cannot be merged.
    """
    from ftbench.models.save import save_model

    method, whole, base = job.component("method"), job.component("model"), build(job.stage.config["base"], "model")
    if not method.mergeable:
        raise FtbenchError("artifact=merged: this method's weights cannot be merged. Compile the plan again")
    examples = _examples(job.inputs["prepare"])
    with job.phase("base"):
        loaded = job.resident.get(base)
    base_quantized = loaded.quantized
    with job.phase("compare"):
        untrained = _read(loaded, examples)
        with method.attach(loaded, job.inputs["weights"]):
            adapter = _read(loaded, examples)
    job.progress(1, 3)

    del loaded
    job.resident.free()  # merging uses a model up, and two do not fit
    with job.phase("base"):
        own = whole.load(job.resident.device)
    quantisation = None if base_quantized is None else _apart(untrained, _read(own, examples))
    with job.phase("work"):
        save_model(method.merge(own, job.inputs["weights"]), own, job.folder / MODEL)
    provenance = own.provenance()
    del own
    job.progress(2, 3)

    with job.phase("load"):
        loaded = job.resident.get(whole.moved(job.folder / MODEL), key=job.stage.key)
    with job.phase("compare"):
        merging = _apart(adapter, _read(loaded, examples))
    comparison = {"prompts": len(examples), "merged_from_adapter": merging, "whole_from_quantised_base": quantisation}
    write_json(job.folder / "comparison.json", comparison)
    job.progress(3, 3)
    return Outcome(provenance=provenance, details={**comparison, "notes": [_sentence(comparison, base_quantized)]})


def _examples(prepared: Path) -> list[Any]:
    rows = [row for split in ("validation", "test") for row in read_examples(prepared / f"{split}.jsonl")]
    return rows[:PROMPTS]


def _read(loaded: Any, examples: Sequence[Any]) -> _Reading:
    """Asks a model; rows that its template refuses or its window cannot hold are left out, for every model alike."""
    import torch

    from ftbench.models.decoding import Decoding
    from ftbench.models.generate import generate

    greedy = Decoding(
        do_sample=False,
        temperature=1.0,
        top_p=1.0,
        top_k=0,
        max_new_tokens=2 * POSITIONS,
        stop=[],
        batch_size=1,
        latency_requests=0,
        backend="transformers",
    )
    encoded = []
    for example in examples:
        try:
            row = loaded.format.encode(example.turns, example.target or example.references[0])
        except FtbenchError:
            continue
        if loaded.context_tokens is None or len(row.prompt_ids) + 2 * POSITIONS <= loaded.context_tokens:
            encoded.append(row)
    parts = []
    with torch.inference_mode():
        for row in encoded:
            answer = [*row.target_ids, *row.end_ids][:POSITIONS]
            ids = torch.tensor([[*row.prompt_ids, *answer]], device=loaded.device)
            parts.append(
                loaded.model(input_ids=ids, use_cache=False).logits[0, len(row.prompt_ids) - 1 : -1].float().cpu()
            )
    answers = generate(loaded, [replace(row, target_ids=(), end_ids=()) for row in encoded], greedy, 0)
    return _Reading(torch.cat(parts) if parts else torch.empty(0, 1), [answer.text for answer in answers])


def _apart(one: _Reading, other: _Reading) -> dict[str, float | None]:
    """Returns how far two readings are apart: of the logits' differences the largest and the mean, and the share of
    equal greedy answers.
    """
    if not one.answers:
        return {"logit_difference_max": None, "logit_difference_mean": None, "equal_answers_share": None}
    difference = (one.logits - other.logits).abs()
    equal = sum(a == b for a, b in zip(one.answers, other.answers, strict=True))
    return {
        "logit_difference_max": float(difference.max()),
        "logit_difference_mean": float(difference.mean()),
        "equal_answers_share": equal / len(one.answers),
    }


def _sentence(comparison: dict[str, Any], quantized: Any) -> str:
    found, bases = comparison["merged_from_adapter"], comparison["whole_from_quantised_base"]
    if found["logit_difference_max"] is None:
        return "merged weights were compared with the adapter on no prompt: none fits the model's window"
    text = (
        f"merged weights against the adapter on {comparison['prompts']} validation prompts: logits differ by"
        f" {found['logit_difference_mean']:.2g} on average and at most {found['logit_difference_max']:.2g},"
        f" {found['equal_answers_share']:.0%} of greedy answers are equal"
    )
    if bases is None:
        return text
    alone = f"{bases['logit_difference_mean']:.2g} on average and at most {bases['logit_difference_max']:.2g}"
    return f"{text}; the quantisation error alone, of the untrained base in {quantized.kind}: {alone}"
