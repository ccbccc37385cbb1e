"""What is odd about rows is found, named with its rows, and nothing is said of sound data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.core.example import Splits, Turn
from ftbench.data.inspection.encoding import form, oddities
from ftbench.data.inspection.inspect import DataChecks
from ftbench.data.inspection.quality import histogram, labels
from ftbench.data.inspection.rows import prompt_text
from ftbench.data.inspection.seen import SEEN, UNSEEN, seen_findings, with_seen
from tests.data.planted import clean, example


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("caf\u00c3\u00a9", "mojibake"),
        ("don\u00e2\u20ac\u2122t", "mojibake"),
        ("a\u00c2\u00a0b", "mojibake"),
        ("\u00e2\u20ac\u0153yes\u00e2\u20ac\x9d", "mojibake"),
        ("lost \ufffd bytes", "replacement"),
        ("\ufefftext", "byte_order_mark"),
        ("nul\x00", "control"),
        ("c1\x85", "control"),
        ("in\u200bvisible", "invisible"),
        ("\u202edrow", "invisible"),
        ("a\u200db", "invisible"),
        ("Tom &amp; Jerry", "entities"),
        ("it&#39;s", "entities"),
    ],
)
def test_what_went_wrong_with_a_text_is_named(text: str, name: str) -> None:
    assert oddities(text) == {name}


@pytest.mark.parametrize(
    "text",
    [
        "Plain text, with tabs\tand lines\r\n",
        "naïve façade Ærø Ü",
        "“quotes” – and … dashes",
        "عربي و فارسی می‌خواهم",
        "हिन्दी",
        "日本語",
        "👩‍👩‍👧 family",
        "Â la carte",
        "AT&T; R&D",
    ],
)
def test_sound_text_in_any_script_is_left_alone(text: str) -> None:
    assert oddities(text) == set()


@given(st.text(st.characters(min_codepoint=0xC0, max_codepoint=0x17F), min_size=1, max_size=8))
def test_what_utf8_becomes_in_windows_1252_is_recognised(text: str) -> None:
    try:
        wrong = text.encode("utf-8").decode("cp1252")
    except UnicodeDecodeError:
        return
    assert "mojibake" in oddities(wrong)


def test_forms_of_letters_with_marks() -> None:
    assert (form("cafe\u0301"), form("caf\u00e9"), form("cafe"), form("日本")) == ("decomposed", "composed", None, None)


def kinds(splits: Splits) -> dict[str, tuple[str, ...]]:
    return {finding.kind: finding.rows for finding in DataChecks("warn", 0.8).inspect(splits).findings}


def test_nothing_is_said_of_sound_data() -> None:
    splits = clean()
    assert kinds(splits) == {}
    facts = DataChecks("warn", 0.8).inspect(splits).as_dict()
    assert (
        facts["rows"] == {"train": 60, "validation": 30, "test": 30}
        and facts["findings"] == []
        and facts["labels"] is None
    )
    assert facts["lengths"]["train"]["prompt"]["n"] == 60 and facts["lengths"]["test"]["target"]["most"] < 200


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("lacks_target", {"target": None}),
        ("lacks_group", {"group": None}),
        ("lacks_time", {"time": None}),
        ("empty_target", {"target": " "}),
        ("empty_prompt", {"turns": (Turn("user", "\n"),)}),
        ("edge_spaces", {"target": " yes"}),
        ("mojibake", {"target": "caf\u00c3\u00a9"}),
        ("over_long", {"target": "word " * 9000}),
        ("control", {"target": "a\x07"}),
        ("lacks_system_turn", None),
        ("lacks_slice", None),
    ],
)
def test_one_odd_row_is_found_by_its_id(kind: str, change: dict | None) -> None:
    splits = clean()
    if change is None:
        more = {
            "lacks_system_turn": lambda row: replace(row, turns=(Turn("system", "Be kind."), *row.turns)),
            "lacks_slice": lambda row: replace(row, slices={"tone": "calm"}),
        }[kind]
        rows = (splits.train[0], *(more(row) for row in splits.train[1:]))
    else:
        rows = (replace(splits.train[0], **change), *splits.train[1:])
    assert kinds(replace(splits, train=rows))[kind] == (splits.train[0].id,)


def test_mixed_forms_and_repeated_rows_are_said() -> None:
    splits = clean()
    mixed = (
        replace(splits.train[0], target="cafe\u0301"),
        replace(splits.train[1], target="caf\u00e9"),
        *splits.train[2:],
    )
    assert kinds(replace(splits, train=mixed)) == {"mixed_forms": (splits.train[0].id,)}
    again = replace(splits.train[4], id="again", target="Another answer.")
    assert kinds(replace(splits, train=(*splits.train, again))) == dict.fromkeys(
        ("repeated_rows", "contradicting_rows"), (splits.train[4].id, "again")
    )


def test_labels_are_counted_and_those_never_trained_on_are_said() -> None:
    def rows(name: str, counts: dict[str, int]) -> tuple:
        texts = [label for label, count in counts.items() for _ in range(count)]
        return tuple(
            example(f"{name}{n}", f"{name} question {n} about {'abcdefghijklmnopqrstuvwxyz'[n % 26] * 5} {n * n}", text)
            for n, text in enumerate(texts)
        )

    splits = Splits(rows("train", {"yes": 57, "no": 3}), (), rows("test", {"yes": 10, "maybe": 2}), (), (), {})
    assert labels(splits) == {"train": {"yes": 57, "no": 3}, "test": {"yes": 10, "maybe": 2}}
    found = kinds(splits)
    assert set(found) == {"lopsided_labels", "untrained_labels"} and found["untrained_labels"] == ("test10", "test11")
    assert labels(clean()) is None, "canned replies are no labels"


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=80))
def test_a_histogram_counts_everything_once(values: list[int]) -> None:
    told = histogram(values)
    assert told["n"] == sum(count for _, _, count in told["bins"]) == len(values)
    assert all(count == sum(low <= value < high for value in values) for low, high, count in told["bins"])
    assert (
        told["least"] == min(values)
        and told["most"] == max(values)
        and told["least"] <= told["p50"] <= told["p95"] <= told["most"]
    )


def test_36_documents_seen_in_training_and_unseen_ones_are_told_apart() -> None:
    train = (example("a", "?", "1", gold_documents=("d1",)), example("b", "?", "2", gold_documents=("d2",), group="g"))
    test = (
        example("seen", "?", "1", gold_documents=("d2", "d9")),
        example("unseen", "?", "1", gold_documents=("d3",)),
        example("neither", "?", "1"),
        example("by group", "?", "1", group="g"),
        example("other group", "?", "1", group="h"),
    )
    told = {row.id: row.slices.get("document") for row in with_seen(test, train)}
    assert told == {"seen": SEEN, "unseen": UNSEEN, "neither": None, "by group": SEEN, "other group": UNSEEN}
    assert with_seen(test[1:2], train) == list(test[1:2]), "one value tells nothing apart"
    own = (replace(test[0], slices={"document": "mine"}), *test[1:])
    assert with_seen(own, train) == list(own)
    (found,) = seen_findings(Splits(train, (), test, (), (), {}))
    assert found.rows == ("seen",) and found.level == "note"


def test_the_system_turn_is_part_of_a_prompt_only_where_it_differs() -> None:
    row = replace(example("a", "Where?", "x"), turns=(Turn("system", "Be kind."), Turn("user", "Where?")))
    assert prompt_text(row) == "Where?" and prompt_text(row, False) == "Be kind.\nWhere?"
