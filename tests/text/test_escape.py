"""Text that nobody vouches for is inert wherever it is written, and nothing of this machine leaves with it."""

from __future__ import annotations

import csv
import html.parser
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.analysis.figures import share
from ftbench.text.escape import cut, escaped, field, flat, markdown, reduced, visible
from tests.report.hostile import HOSTILE

ANYTHING = st.text(st.characters(), max_size=200) | st.sampled_from(HOSTILE)


class _Reader(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(ANYTHING)
def test_escaped_text_is_text_alone_and_reads_as_before(text: str) -> None:
    reader = _Reader()
    reader.feed(f'<p title="{escaped(text)}">{escaped(text)}</p>')
    reader.close()
    assert reader.tags == ["p"]
    assert reader.text == visible(text)
    escaped(text).encode("utf-8")


@given(ANYTHING)
def test_visible_text_cannot_act_on_a_terminal_or_on_the_direction_of_reading(text: str) -> None:
    shown = visible(text)
    assert not set(shown) & {
        chr(code)
        for code in (
            *range(9),
            *range(11, 32),
            0x7F,
            *range(0x80, 0xA0),
            *range(0x202A, 0x202F),
            *range(0x2066, 0x206A),
        )
    }
    assert not any(0xD800 <= ord(character) <= 0xDFFF for character in shown)
    assert visible(shown) == shown


def test_text_of_any_script_reads_as_before() -> None:
    for text in ("שלום עולם", "مرحبا", "日本語のテキスト", "naïve – “quotes” 👩\u200d👧", "a\tb\nc"):
        assert visible(text) == text


@given(ANYTHING)
def test_a_spreadsheet_runs_no_field(text: str) -> None:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow([field(text), "next"])
    (row,) = csv.reader(io.StringIO(stream.getvalue()))
    assert row[1] == "next"
    assert not row[0].lstrip(" \n").startswith(("=", "+", "-", "@", "\t", "\r"))


def test_numbers_stay_numbers_in_csv() -> None:
    assert field(-1.5) == -1.5
    assert field(None) == ""


@given(ANYTHING)
def test_markdown_text_stands_on_one_line_and_marks_nothing_up(text: str) -> None:
    shown = markdown(text)
    assert "\n" not in shown
    bare = (
        shown.replace("\\\\", "")
        .replace("\\<", "")
        .replace("\\[", "")
        .replace("\\|", "")
        .replace("\\`", "")
        .replace("\\*", "")
        .replace("\\_", "")
    )
    assert not set(bare) & set("<[|`*_")


def test_homes_users_and_secrets_are_taken_out(monkeypatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "open-sesame-123456")
    text = (
        "in /home/alice/work/data.jsonl and C:\\Users\\Bob\\x.csv with open-sesame-123456 and hf_abcdefghijklmnop, see"
        " /srv/models/llama-7b/config.json"
    )
    shown = reduced({"error": [text]})["error"][0]
    for gone in ("alice", "Bob", "sesame", "hf_abcdef", "/srv", "models"):
        assert gone not in shown
    assert "config.json" in shown and "data.jsonl" in shown


def test_data_keeps_what_only_looks_like_a_place() -> None:
    text = "either/or, 3/4, https://example.org/a/b and /api/v1/users"
    assert reduced(text, paths=False) == text
    assert "https://example.org/a/b" in reduced(text)
    assert "either/or, 3/4" in reduced(text)


def test_long_text_is_cut_and_says_so() -> None:
    assert cut("a" * 40_000, 100).endswith("[39,900 more characters]")
    assert cut("short", 100) == "short"
    assert flat("a\n\nb") == "a b"


def test_the_corpus_goes_through_json() -> None:
    json.dumps([visible(text) for text in HOSTILE]).encode("utf-8")


@pytest.mark.parametrize(
    ("part", "said"), [(0.0, "0.0%"), (0.00022, "0.022%"), (0.0099, "0.99%"), (0.0247, "2.5%"), (1.0, "100.0%")]
)
def test_a_small_share_is_never_shown_as_none(part: float, said: str) -> None:
    assert share(part) == said
