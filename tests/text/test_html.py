"""Text inside HTML is text alone, and reads as before."""

from __future__ import annotations

import html.parser

from hypothesis import given

from ftbench.text.html import escaped
from ftbench.text.terminal import visible
from tests.text.test_terminal import ANYTHING


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
