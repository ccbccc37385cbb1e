"""Chunking: verbatim parts that together hold every word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.contexts.chunk import WORD, Chunking, word_count
from ftbench.core.example import Document

TEXT = st.lists(
    st.sampled_from(["one", "two.", "Three!", "x" * 70, "\n\n", "# Head\n", "e.g.", "été", "。"]), max_size=60
).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(
    text=TEXT,
    by=st.sampled_from(["words", "sentences", "headings"]),
    size=st.integers(1, 12),
    overlap=st.integers(0, 11),
)
def test_chunks_are_verbatim_no_longer_than_allowed_and_lose_no_word(
    text: str, by: str, size: int, overlap: int
) -> None:
    cut = Chunking(by, size, min(overlap, size - 1), None)
    assert cut.check() == []
    spans = list(cut._spans(text))
    chunks = cut.chunks(Document("d", text))
    assert [(chunk.number, chunk.text) for chunk in chunks] == [
        (number, text[start:end]) for number, (start, end) in enumerate(spans)
    ]
    assert all(1 <= word_count(chunk.text) <= size for chunk in chunks)
    words = [match.span() for match in WORD.finditer(text)]
    assert all(any(start <= first and last <= end for start, end in spans) for first, last in words)
    for (_, before), (start, _) in zip(spans, spans[1:], strict=False):
        assert sum(start <= first and last <= before for first, last in words) <= cut.overlap


def test_sentences_stay_whole_and_repeat_by_overlap() -> None:
    text = "One two three. Four five six! Seven eight nine? Ten."
    assert [chunk.text for chunk in Chunking("sentences", 8, 0, None).chunks(Document("d", text))] == [
        "One two three. Four five six!",
        "Seven eight nine? Ten.",
    ]
    assert [chunk.text for chunk in Chunking("sentences", 8, 4, None).chunks(Document("d", text))] == [
        *("One two three. Four five six!", "Four five six! Seven eight nine?", "Seven eight nine? Ten.")
    ]


def test_headings_begin_chunks() -> None:
    text = "Before.\n\n# First\nText of one.\n\nTitle\n=====\nText of two."
    assert [chunk.text for chunk in Chunking("headings", 50, 10, None).chunks(Document("d", text))] == [
        "Before.",
        "# First\nText of one.",
        "Title\n=====\nText of two.",
    ]


def test_a_whole_document_and_an_empty_one() -> None:
    (chunk,) = Chunking("nothing", 1, 0, None).chunks(Document("d", "  All of it. Every word.\n"))
    assert chunk.text == "All of it. Every word."
    assert (
        Chunking("nothing", 1, 0, None).chunks(Document("d", " \n"))
        == Chunking("sentences", 9, 0, None).chunks(Document("d", " \n"))
        == []
    )


@pytest.mark.parametrize(
    ("chunking", "where"),
    [
        (Chunking("word", 9, 0, None), "by"),
        (Chunking("words", 0, 0, None), "size"),
        (Chunking("words", 9, 9, None), "overlap"),
        (Chunking("words", 9, -1, None), "overlap"),
    ],
)
def test_what_cannot_be_is_refused(chunking: Chunking, where: str) -> None:
    assert [problem.where for problem in chunking.check()] == [where]


def test_no_chunk_is_a_part_of_the_one_before() -> None:
    text = "One two three. Four. Five six seven eight nine ten eleven."
    assert [chunk.text for chunk in Chunking("sentences", 8, 3, None).chunks(Document("d", text))] == [
        "One two three. Four.",
        "Five six seven eight nine ten eleven.",
    ]


def test_writing_without_spaces_counts_by_characters_and_marks_stay_with_their_letter() -> None:
    assert [
        word_count(text) for text in ("富士山です。", "ภาษาไทย", "हिन्दी भाषा", "e\u0301te\u0301", "서울은 한국")
    ] == [6, 7, 2, 1, 2]
    japanese = "富士山は日本で一番高い山です。" * 20
    assert [len(chunk.text) for chunk in Chunking("words", 50, 0, None).chunks(Document("d", japanese))] == [50] * 6
