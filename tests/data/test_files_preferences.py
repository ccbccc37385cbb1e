"""Preference pairs as people hold them: text, turns, whole conversations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ftbench.core.errors import Refused
from ftbench.core.example import Turn


@pytest.fixture
def over_rows(make_files: Callable, tmp_path: Path) -> Callable:
    def make(rows: list[dict], **fields: object):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return make_files(train=str(path), **fields)

    return make


def said(*texts: str) -> list[dict]:
    return [{"role": ("user", "assistant")[index % 2], "content": text} for index, text in enumerate(texts)]


TURNS = (Turn("user", "1+1?"), Turn("assistant", "2"), Turn("user", "2+2? 7"))


def conversations(chosen: Callable, rejected: Callable) -> list[dict]:
    return [{"p": said("1+1?", "2", f"2+2? {n}"), "good": chosen(n), "bad": rejected(n)} for n in range(20)]


def whole(answer: str) -> Callable:
    return lambda n: said("1+1?", "2", f"2+2? {n}", answer)


def test_whole_conversations_need_no_prompt(over_rows: Callable) -> None:
    splits = over_rows(conversations(whole("four"), whole("4!")), chosen="good", rejected="bad").load()
    row = next(
        row
        for split in ("train", "validation", "test")
        for row in splits.split(split)
        if row.turns[-1].content == "2+2? 7"
    )
    assert (row.turns, row.chosen, row.rejected, row.target) == (TURNS, "four", "4!", "four")


def test_a_list_of_the_answer_alone_follows_the_messages(over_rows: Callable) -> None:
    alone = conversations(lambda n: [{"role": "assistant", "content": "four"}], lambda n: "4!")
    for row in alone:
        row["p"] = row["p"][-1]["content"]
    splits = over_rows(alone, prompt="{p}", chosen="good", rejected="bad").load()
    assert all((row.chosen, row.rejected) == ("four", "4!") and len(row.turns) == 1 for row in splits.train)


def test_a_conversation_that_is_not_the_prompts_is_refused(over_rows: Callable) -> None:
    other = conversations(whole("four"), lambda n: said("1+1?", "two", f"2+2? {n}", "4!"))
    with pytest.raises(Refused, match="the turns before the answer in column 'bad' are not those of 'good'"):
        over_rows(other, chosen="good", rejected="bad").load()
    with pytest.raises(Refused, match="the turns before the answer in column 'good' are not the prompt"):
        over_rows(conversations(whole("four"), whole("4!")), prompt="{p!json}", chosen="good", rejected="bad").load()


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        (lambda n: said("1+1?"), "the last is not the assistant's"),
        (lambda n: "four", "no user turn before its answer"),
        (lambda n: [], "the last is not the assistant's"),
    ],
)
def test_what_is_no_conversation_is_refused(over_rows: Callable, chosen: Callable, why: str) -> None:
    with pytest.raises(Refused, match=why):
        over_rows(conversations(chosen, whole("4!")), chosen="good", rejected="bad").load()
