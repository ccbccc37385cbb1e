"""lm-eval tasks over JSONL made in a test."""

from __future__ import annotations

import json
from pathlib import Path

QUESTIONS = [
    {
        "q": f"What colour is item {i}?",
        "c": [f"It is {word}" for word in ("red", "blue", "very green", "grey", "a mix of all")[: 3 + i % 3]],
        "a": i % 3,
    }
    for i in range(9)
]
CHOICE = """task: {name}
include: shared_choice
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
"""
SHARED = """output_type: multiple_choice
test_split: test
doc_to_text: !function ask.question
doc_to_target: a
doc_to_choice: c
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
  - metric: acc_norm
    aggregation: mean
    higher_is_better: true
metadata:
  version: 2.0
"""
ROLLING = """task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
output_type: loglikelihood_rolling
test_split: test
doc_to_text: ""
doc_to_target: "{{{{text}}}}"
metric_list:
  - metric: word_perplexity
  - metric: bits_per_byte
metadata:
  version: 1.0
"""


def write_rows(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_tasks(folder: Path, questions: list[dict] | None = None, texts: list[str] | None = None) -> Path:
    """Writes ``colours`` and ``more_colours`` (multiple choice), the group ``all_colours`` of both, and ``stories``
    (rolling).
    """
    folder.mkdir(parents=True)
    rows = QUESTIONS if questions is None else questions
    first, second = write_rows(folder / "first.jsonl", rows), write_rows(folder / "second.jsonl", rows[:4])
    stories = write_rows(
        folder / "stories.jsonl", [{"text": text} for text in texts or ["Once there was a cat.", "It sat."]]
    )
    (folder / "shared_choice").write_text(SHARED, encoding="utf-8")
    (folder / "ask.py").write_text(
        'def question(doc):\n    return "Question: " + doc["q"] + "\\nAnswer:"\n', encoding="utf-8"
    )
    (folder / "colours.yaml").write_text(
        CHOICE.format(name="colours", data=first) + "tag: colourful\n", encoding="utf-8"
    )
    (folder / "more_colours.yaml").write_text(
        CHOICE.format(name="more_colours", data=second) + "tag: [colourful]\n", encoding="utf-8"
    )
    (folder / "group.yaml").write_text(
        "group: all_colours\ntask: [colours, more_colours]\naggregate_metric_list:\n  - metric: acc\n   "
        " weight_by_size: true\nmetadata: {version: 3}\n",
        encoding="utf-8",
    )
    (folder / "stories.yaml").write_text(ROLLING.format(name="stories", data=stories), encoding="utf-8")
    return folder
