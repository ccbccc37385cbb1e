"""The tokens stage: how long the rows of a dataset are, instruction included, in one model's tokens. Loads its
tokenizer and config, no weights.

Writes ``tokens.json``: the model's window and, by split, histograms of ``prompt``, ``target`` (with what the chat
template writes around it) and ``row`` (prompt, target and end of turn); ``lengths.json`` holds the lengths themselves,
in the order of the rows, so that any limit can be judged without counting again.
"""

from __future__ import annotations

from ftbench.core.errors import FtbenchError
from ftbench.core.example import SPLITS
from ftbench.core.files import write_json
from ftbench.core.job import Job, Outcome
from ftbench.data.inspection.quality import histogram
from ftbench.data.inspection.rows import answer_text
from ftbench.stages.requests import instructed

PARTS = ("prompt", "target", "row")


def run(job: Job) -> Outcome:
    """Counts with the format that training and generation use; a row that the chat template refuses is counted
    apart.
    """
    with job.phase("load"):
        format, window = job.component("model").format()
    lengths: dict[str, dict[str, list[int]]] = {}
    refused = 0
    with job.phase("work"):
        for done, split in enumerate(SPLITS, start=1):
            lengths[split] = {part: [] for part in PARTS}
            for example in instructed(job, split):
                try:
                    encoded = format.encode(example.turns, answer_text(example))
                except FtbenchError:
                    refused += 1
                    continue
                sizes = len(encoded.prompt_ids), len(encoded.target_ids)
                for part, size in zip(PARTS, (*sizes, sum(sizes) + len(encoded.end_ids)), strict=True):
                    lengths[split][part].append(size)
            job.progress(done, len(SPLITS))
        told = {
            "window": window,
            "refused": refused,
            "lengths": {
                split: {part: histogram(sizes) for part, sizes in parts.items()} for split, parts in lengths.items()
            },
        }
        for name, value in (("tokens.json", told), ("lengths.json", lengths)):
            write_json(job.folder / name, value, indent=None)
    tokens = {f"{split}_{part}": sum(lengths[split][part]) for split in SPLITS for part in ("prompt", "target")}
    return Outcome(tokens=tokens, details={"refused": refused})
