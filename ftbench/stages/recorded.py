"""The generate stage of recorded answers: lays them beside the split's examples; nothing is loaded, nothing is
timed.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from ftbench.core.errors import FtbenchError
from ftbench.core.example import read_examples
from ftbench.core.files import write_jsonl
from ftbench.core.job import Job, Outcome
from ftbench.data.inspection.seen import with_seen
from ftbench.stats.failed_rows import none_left

MISSING = "no recorded answer"


def run_recorded(job: Job, model: Any) -> Outcome:
    """Writes ``outputs.jsonl``; an example without an answer is a failed row that stays in n (mistake 15).

    Raises:
        FtbenchError: when no answer belongs to any example of the split, or every one is recorded as failed.
    """
    if model.identity() != job.stage.spec["model"]:
        raise FtbenchError(
            f"model.outputs={model.outputs}: the file is not what it was when the plan was made. Compile again (repeat"
            " the command)"
        )
    answers = model.answers()
    prepared = job.inputs["prepare"]
    examples = with_seen(
        read_examples(prepared / f"{job.stage.config['split']}.jsonl"), read_examples(prepared / "train.jsonl")
    )
    known = {example.id for example in examples}
    if examples and not known & set(answers):
        first, asked = next(iter(answers)), examples[0].id
        raise FtbenchError(
            f"model.outputs={model.outputs}: no id is one of the dataset's: {first!r} here, {asked!r} there. Use the"
            " ids of dataset.id"
        )
    rows = []
    for example in examples:
        answer = answers.get(example.id, {"output": "", "finish": "error"})
        lost = answer["finish"] == "error"
        rows.append(
            {
                "id": example.id,
                "prompt": "",
                "output": "" if lost else answer["output"],
                "finish": answer["finish"],
                "error": None if not lost else MISSING if example.id not in answers else "recorded as failed",
                "references": list(example.references),
                "group": example.group,
                "slices": example.slices,
                "prompt_tokens": 0,
                "completion_tokens": 0,
                "shots": [],
                "documents": [],
                "notes": None,
            }
        )
    if rows and all(row["finish"] == "error" for row in rows):
        raise FtbenchError(
            f"model.outputs={model.outputs}: {none_left('was answered', [row['error'] for row in rows])}"
        )
    write_jsonl(job.folder / "outputs.jsonl", rows)
    finishes = Counter(row["finish"] for row in rows)
    details = {
        "rows": len(rows),
        "failed": finishes["error"],
        "length_capped_share": finishes["length"] / len(rows) if rows else None,
        "recorded": True,
        "notes": model.coverage(known, answers.keys()),
    }
    return Outcome(provenance={"outputs": job.stage.spec["model"]["file"]}, details=details)
