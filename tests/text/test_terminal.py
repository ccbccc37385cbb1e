"""Text on a screen or in a log: nothing in it acts, and text of any script reads as before."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.text.terminal import cut, excerpt, one_line, printable, spelled_out, visible
from tests.report.hostile import HOSTILE

ANYTHING = st.text(st.characters(), max_size=200) | st.sampled_from(HOSTILE)
ACTS = {
    chr(code)
    for code in (*range(9), *range(11, 32), 0x7F, *range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


@given(ANYTHING)
def test_visible_text_cannot_act_on_a_terminal_or_on_the_direction_of_reading(text: str) -> None:
    shown = visible(text)
    assert not set(shown) & ACTS
    assert not any(0xD800 <= ord(character) <= 0xDFFF for character in shown)
    assert visible(shown) == shown


def test_text_of_any_script_reads_as_before() -> None:
    for text in ("שלום עולם", "مرحبا", "日本語のテキスト", "naïve – “quotes” 👩\u200d👧", "a\tb\nc"):
        assert visible(text) == text


@given(ANYTHING)
def test_what_is_printed_stands_on_one_line(text: str) -> None:
    assert printable(text).isprintable() and excerpt(text).isprintable()
    assert printable(printable(text)) == printable(text)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(), max_size=60))
def test_every_character_of_a_text_that_people_judge_is_visible(text: str) -> None:
    shown = spelled_out(text)
    assert shown == shown.strip()
    assert not any(ord(character) < 32 and character not in "\n\t" for character in shown)
    assert not set("\u202a\u202b\u202d\u202e\u2066\u2067\u2069\ufeff\u200b\x7f\u2028") & set(shown)
    shown.encode("utf-8")
    assert spelled_out(shown) == visible(shown) == shown, "shown text is shown as it is"


def test_long_text_is_cut_and_says_so() -> None:
    assert cut("a" * 40_000, 100).endswith("[39,900 more characters]")
    assert cut("short", 100) == "short"
    assert excerpt("a\n\tb " * 30, 5) == '"a b a…"'
    assert one_line("a\n\nb") == "a b"


def test_visible_text_goes_through_json() -> None:
    json.dumps([visible(text) for text in HOSTILE]).encode("utf-8")
