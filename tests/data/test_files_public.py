"""Real data sets load with the counts that their sources state, and split by document where they have documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftbench.data.files import Files

pytestmark = pytest.mark.shared_data

CASES: dict[str, tuple[dict[str, Any], tuple[int, int, int]]] = {
    "e2e_nlg": ({"train": "dev.jsonl", "prompt": "{mr}", "references": "references"}, (437, 55, 55)),
    "mts_dialog": (
        {
            "train": "train.jsonl",
            "validation": "validation.jsonl",
            "prompt": "Summarize:\n{dialogue}",
            "target": "{section_text}",
            "id": "id",
            "slices": ["section_header"],
        },
        (1081, 100, 120),
    ),
    "banking77": (
        {"train": "train.csv", "test": "test.csv", "prompt": "{text}", "target": "{category}", "slices": ["category"]},
        (9003, 1000, 3080),
    ),
    "gsm8k": (
        {"train": "train_1500.jsonl", "prompt": "{question}", "target": "{answer}", "answer_pattern": r"#### (\S+)"},
        (1200, 150, 150),
    ),
    "arc_challenge": (
        {
            "train": "ARC-Challenge-Dev.jsonl",
            "prompt": "{question.stem}\n{question.choices!json}",
            "target": "{answerKey}",
            "id": "id",
        },
        (236, 29, 29),
    ),
    "selfinstruct_seed175": (
        {
            "train": "seed_tasks.jsonl",
            "prompt": "{instruction}\n{instances.0.input}",
            "references": "instances.*.output",
            "id": "id",
            "slices": ["is_classification"],
        },
        (141, 17, 17),
    ),
}


def within(folder: Path, fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: str(folder / value) if name in ("train", "validation", "test", "documents") else value
        for name, value in fields.items()
    }


@pytest.mark.parametrize("name", CASES)
def test_a_public_data_set_loads_with_its_counts(
    make_files: Callable[..., Files], shared_data: Path, name: str
) -> None:
    fields, expected = CASES[name]
    splits = make_files(**within(shared_data / name, fields)).load()
    assert (len(splits.train), len(splits.validation), len(splits.test)) == expected
    assert sum(expected) == sum(
        splits.counts[f"{split}_read"] for split in ("train", "validation", "test") if f"{split}_read" in splits.counts
    )
    split_off = [
        row for split in ("validation", "test") if f"{split}_read" not in splits.counts for row in splits.split(split)
    ]
    assert not {row.turns for row in splits.train} & {row.turns for row in split_off}


@pytest.mark.parametrize(
    ("name", "fields", "documents"),
    [
        ("pubmedqa_pqal", {"target": "{long_answer}", "document_text": "{sections.*.text}", "slices": ["answer"]}, 500),
        ("xquad_en", {"references": "answers", "document_text": "text", "slices": []}, 180),
    ],
)
def test_36_questions_about_one_document_stay_together(
    make_files: Callable[..., Files],
    shared_data: Path,
    tmp_path: Path,
    name: str,
    fields: dict[str, Any],
    documents: int,
) -> None:
    folder = shared_data / name
    corpus = {"documents": "documents.jsonl", "document_id": "doc_id", "gold_documents": "gold_doc_ids"}
    asked = {"train": "questions.jsonl", "prompt": "{question}", "id": "id", "group": "gold_doc_ids.0"}
    splits = make_files(**within(folder, {**asked, **corpus, **fields})).load()
    read = (folder / "questions.jsonl").read_bytes().count(b"\n")
    kept = sum(len(splits.split(split)) for split in ("train", "validation", "test"))
    assert len(splits.documents) == documents and splits.counts["train_read"] == read == kept
    groups = [{row.group for row in splits.split(split)} for split in ("train", "validation", "test")]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
    assert abs(len(splits.test) - read / 10) <= 6 and abs(len(splits.validation) - read / 10) <= 6


def test_stories_as_rows(make_files: Callable[..., Files], shared_data: Path, tmp_path: Path) -> None:
    """Plain text has no rows; a story's first sentence and its rest are one."""
    stories = [
        story.strip()
        for story in (
            (shared_data / "tinystories_valid_sample" / "stories.txt")
            .read_text(encoding="utf-8")
            .split("<|endoftext|>")
        )
    ]
    rows = [dict(zip(("start", "rest"), story.split(". ", 1), strict=True)) for story in stories if story]
    path = tmp_path / "stories.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    splits = make_files(train=str(path), prompt="{start}.", target="{rest}").load()
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (16, 2, 2)


def test_plain_text_is_refused_with_the_formats(refusals: Callable[..., list[Any]], shared_data: Path) -> None:
    (problem,) = refusals(
        train=str(shared_data / "tinystories_valid_sample" / "stories.txt"), prompt="{text}", target="{text}"
    )
    assert ".jsonl" in problem.fix
