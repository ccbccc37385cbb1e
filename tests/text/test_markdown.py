"""Text in Markdown marks nothing up, mentions nobody and links nowhere."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ftbench.text.markdown import bullets, code, literal, table
from ftbench.text.terminal import one_line
from tests.text.test_terminal import ANYTHING

LIVE = (
    "@octocat",
    "#12",
    "GH-7",
    "https://evil.example/x",
    "www.evil.example",
    "<b>",
    "![a](b)",
    "[a]: b",
    "1. x",
    "1)",
)
PARTS = st.lists(st.sampled_from(LIVE) | st.text(st.characters(), max_size=5), max_size=6).map("".join)
AUTOLINK = re.compile(r"(?:https?|ftp)://|www\.", re.IGNORECASE)  # in the source: GitHub links them
MENTION = re.compile(r"@\w|#\d|GH-\d", re.IGNORECASE)  # in what is shown: GitHub looks for them there


def _rendered(page: str) -> str:
    return MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(page)


@given(ANYTHING | PARTS)
@example("1.")
@example("12) x")
def test_text_reads_as_before_and_is_text_alone(text: str) -> None:
    shown = literal(text)
    assert "\n" not in shown and not AUTOLINK.search(shown)
    plain = unescape(re.sub(r"^<p>|</p>\n$", "", _rendered(shown)))
    assert not MENTION.search(plain)
    assert plain.replace("\u2060", "") == one_line(text).replace("\u2060", "")
    assert _rendered(shown).count("<") == 2 * bool(one_line(text).strip()), "a paragraph alone"


@given(ANYTHING | PARTS)
def test_text_stays_in_its_list_item_and_in_its_cell(text: str) -> None:
    page = _rendered(
        "\n".join([*bullets([text, "next"]), "", *table(["a", literal(text)], [[literal(text), code(text)]])])
    )
    assert page.count("<li>") == 2 and page.count("<td") == 2 and page.count("<th ") + page.count("<th>") == 2
    assert set(re.findall(r"<(\w+)", page)) <= {"ul", "li", "table", "thead", "tbody", "tr", "th", "td", "code"}


def test_ordinary_text_reads_as_it_is() -> None:
    for text in ("lora rank=8", "0.5 to 0.7 over 2 comparisons; 12 of 13 rows", "naïve, שלום"):
        assert literal(text) == text
    assert code("rougeL") == "`rougeL`" and code("a`b") == "a\\`b"


@pytest.mark.parametrize("text", ["see @team", "mail a@b.example", "closes #3", "HTTPS://x.example", "www.x.example"])
def test_nothing_is_mentioned_or_linked(text: str) -> None:
    assert not re.search(r"@\w|#\d|\w://|www\.", literal(text), re.IGNORECASE)
