"""Training rows: what the loss looks at, what is cut, what is refused."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.core.errors import FtbenchError
from ftbench.methods.rows import IGNORED, Row, encode_rows, masked_example, ordered, token_counts
from tests.models.llama import example, examples, user


def test_01_only_the_completion_is_supervised_and_one_row_shows_it(chat) -> None:
    (row,) = encode_rows(chat.format, [example("a", "Which colour?", "red")], None).kept
    encoded = chat.format.encode(user("Which colour?"), "red")
    count = len(encoded.prompt_ids)
    assert row.input_ids[:count] == encoded.prompt_ids and set(row.labels[:count]) == {IGNORED}
    assert row.labels[count:] == row.input_ids[count:] == (*encoded.target_ids, *encoded.end_ids)
    assert masked_example(row, chat.tokenizer) == {
        "id": "a",
        "segments": [
            {"text": "<s><|user|>Which colour?<|end|><|assistant|>", "supervised": False},
            {"text": "red<|end|>", "supervised": True},
        ],
    }


def test_02_rows_without_a_label_left_are_counted_and_refused(chat) -> None:
    fits, long, cut = example("fits", "q", "yes"), example("long", "q" * 30, "yes"), example("cut", "q" * 6, "yes yes")
    rows = encode_rows(chat.format, [fits, long, cut, example("none", "q", None)], 12)
    assert rows.counts() == {
        "trained": 2,
        "truncated": 1,
        "dropped": 0,
        "unsupervised_turns": 0,
        "refused": 2,
        "refused_ids": ["long", "none"],
    }
    assert [row.id for row in rows.kept] == ["fits", "cut"]
    assert all(row.supervised > 0 and len(row.input_ids) <= 12 for row in rows.kept)
    with pytest.raises(
        FtbenchError, match="none of 1 rows has a target token within 12 tokens. Raise method.max_tokens"
    ):
        encode_rows(chat.format, [example("long", "q" * 30, "yes")], 12)


def test_04_every_uncut_target_ends_in_the_end_of_turn_token_and_it_is_supervised(chat, plain) -> None:
    for loaded in (chat, plain):
        for row in encode_rows(loaded.format, examples(6), None).kept:
            assert row.labels[-1] == row.input_ids[-1] == loaded.stop_ids[0]


def test_a_cut_row_gets_no_end_token(chat) -> None:
    (row,) = encode_rows(chat.format, [example("cut", "q", "a long answer")], 10).kept
    assert row.input_ids[-1] != chat.stop_ids[0]


@settings(max_examples=50, deadline=None)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=20), micro=st.integers(1, 6)
)
def test_35_tokens_are_named_and_agree_with_what_the_trainer_collates(
    lengths: list[tuple[int, int]], micro: int
) -> None:
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    rows = [
        Row(str(i), tuple(range(5, 5 + p + t)), (IGNORED,) * p + tuple(range(5 + p, 5 + p + t)))
        for i, (p, t) in enumerate(lengths)
    ]
    batches = [rows[i : i + micro] for i in range(0, len(rows), micro)]
    collate = DataCollatorForLanguageModeling(pad_token_id=0)
    made = [
        collate([{"input_ids": list(row.input_ids), "labels": list(row.labels)} for row in batch]) for batch in batches
    ]
    assert token_counts(rows, micro) == {
        "supervised": sum(int((one["labels"] != IGNORED).sum()) for one in made),
        "non_pad": sum(int(one["attention_mask"].sum()) for one in made),
        "padded": sum(one["input_ids"].numel() for one in made),
    }


@settings(max_examples=50, deadline=None)
@given(n=st.integers(1, 9), count=st.integers(1, 30), seed=st.integers(0, 2**32))
def test_rows_come_in_whole_shuffled_epochs(n: int, count: int, seed: int) -> None:
    rows = [SimpleNamespace(id=i) for i in range(n)]
    order = [row.id for row in ordered(rows, count, seed)]
    assert len(order) == count and order == [row.id for row in ordered(rows, count, seed)]
    for start in range(0, count - n + 1, n):
        assert sorted(order[start : start + n]) == list(range(n))
    assert ordered(rows, count + n, seed)[:count] == ordered(rows, count, seed), "a longer run begins as a shorter one"


def test_a_longer_row_is_dropped_by_rule_and_counted(chat) -> None:
    rows = [example("fits", "q", "yes"), example("long", "q", "yes " * 30)]
    cut, dropped = (encode_rows(chat.format, rows, 12, rule) for rule in ("cut", "drop"))
    assert (len(cut.kept), cut.truncated, cut.dropped) == (2, 1, 0)
    assert ([row.id for row in dropped.kept], dropped.truncated, dropped.dropped) == (["fits"], 0, 1)


def test_preference_pairs_without_a_target_are_left_out_and_not_counted_as_refused(chat) -> None:
    pair = replace(example("pair", "q", None), chosen="yes", rejected="no")
    assert encode_rows(chat.format, [example("a", "q", "yes"), pair], None).counts()["refused"] == 0
