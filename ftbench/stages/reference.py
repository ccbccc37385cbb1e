"""The reference stage: how likely each preference pair's answers are before any preference was learned.

Computed once for a reference and its pairs, whatever the beta, loss or learning rate of the runs that compare with it.
The reference is the untouched base, or the base with the weights of an earlier train stage (mistake 8).
"""

from __future__ import annotations

from ftbench.core.files import write_jsonl
from ftbench.core.job import Job, Outcome
from ftbench.stages.requests import instructed


def run(job: Job) -> Outcome:
    """Writes ``reference.jsonl``, training pairs and validation pairs: ``id``, ``chosen`` and ``rejected`` (nats,
    summed log-probabilities) and their token counts.
    """
    config = job.stage.config
    train, validation = (instructed(job, split) for split in ("train", "validation"))
    with job.phase("load"):
        from ftbench.methods.dpo_reference import reference_logps
        from ftbench.methods.pairs import encode_pairs, has_preference, pair_tokens

        loaded = job.resident.get(job.component("model"))
    limits = [limit for limit in (config["max_tokens"], loaded.context_tokens) if limit is not None]
    pairs = list(encode_pairs(loaded.format, train, min(limits, default=None), config["overlong"]).kept)
    held = [example for example in validation if has_preference(example)]
    pairs += encode_pairs(loaded.format, held, loaded.context_tokens, "drop").kept if held else ()
    with job.component("method").attach(loaded, job.inputs.get("weights")), job.phase("work"):
        rows = reference_logps(loaded, pairs, config["precision"], job.progress)
    write_jsonl(job.folder / "reference.jsonl", rows)
    return Outcome(tokens=pair_tokens(pairs, 1), provenance=loaded.provenance(), details={"pairs": len(rows)})
