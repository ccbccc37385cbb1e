"""Cuts documents into chunks: by words, by sentences or by headings, each chunk a verbatim part of its document.

Sizes are in *words*: runs of letters and digits, and single other marks. They are counted without any model's tokenizer,
so that every model shares one index; a model's own tokens are counted where the prompt is made to fit
(``ftbench.stages.requests``). English has about 1.3 tokens of a 32,000-token vocabulary a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ftbench.core.errors import Problem, did_you_mean
from ftbench.core.example import Document

BY = ("words", "sentences", "headings", "nothing")
WORD = re.compile(r"\w{1,32}|[^\w\s]")  # at most 32 letters: a line without a space is no single word
_SENTENCE_END = re.compile(r"""(?<=[.!?…。！？])["'”’)\]]*\s+|\n{2,}|(?<=[。！？])""")
_HEADING = re.compile(r"^(?:#{1,6}[ \t]+\S.*|[^\n]+\n[=-]{3,}[ \t]*)$", re.MULTILINE)
Unit = tuple[int, int, int]  # first and last position in the text, words between them


@dataclass(frozen=True)
class Chunk:
    """A part of a document that is found and shown as a whole."""

    document: str
    number: int
    text: str


@dataclass(frozen=True)
class Chunking:
    """How documents are cut.

    Attributes:
        by: ``words`` (anywhere), ``sentences`` (whole ones, as many as fit), ``headings`` (Markdown sections, long ones
            by sentences) or ``nothing`` (a document is one chunk).
        size: most words of a chunk.
        overlap: most words that a chunk repeats of the one before; never across headings.
    """

    by: str
    size: int
    overlap: int

    def check(self) -> list[Problem]:
        """Returns what is wrong, with places relative to this node."""
        problems = []
        if self.by not in BY:
            problems.append(Problem("by", f"{self.by!r} is no way to cut", did_you_mean(self.by, BY)))
        if self.size < 1:
            problems.append(Problem("size", f"{self.size} words are none", "Use at least 1; 100 to 500 is usual"))
        if not 0 <= self.overlap < max(self.size, 1):
            problems.append(Problem("overlap", f"{self.overlap} words of {self.size} would never end", f"Use 0 to {max(self.size, 1) - 1}"))
        return problems

    def chunks(self, document: Document) -> list[Chunk]:
        """Cuts one document, in order; a document of white space alone has no chunk."""
        texts = [document.text[start:end] for start, end in self._spans(document.text)]
        return [Chunk(document.id, number, text) for number, text in enumerate(texts)]

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        if self.by == "nothing":
            stripped = text.strip()
            if stripped:
                start = text.index(stripped[0])
                yield start, start + len(stripped)
            return
        for start, end in _sections(text) if self.by == "headings" else [(0, len(text))]:
            units = _words(text, start, end) if self.by == "words" else self._sentences(text, start, end)
            yield from _packed(list(units), self.size, self.overlap)

    def _sentences(self, text: str, start: int, end: int) -> Iterator[Unit]:
        """Yields sentences; one that is longer than a chunk comes in pieces."""
        while start < end:
            match = _SENTENCE_END.search(text, start + 1, end)
            stop = match.end() if match else end
            words = list(_words(text, start, stop))
            for first in range(0, len(words), self.size):
                piece = words[first : first + self.size]
                yield piece[0][0], piece[-1][1], len(piece)
            start = stop


def word_count(text: str) -> int:
    """Returns how many words a text has, by the same count as a chunk's size."""
    return sum(1 for _ in WORD.finditer(text))


def _words(text: str, start: int, end: int) -> Iterator[Unit]:
    for match in WORD.finditer(text, start, end):
        yield match.start(), match.end(), 1


def _sections(text: str) -> list[tuple[int, int]]:
    """Returns the parts of a text that begin with a heading, and what stands before the first."""
    starts = sorted({0, *(match.start() for match in _HEADING.finditer(text))})
    return list(zip(starts, [*starts[1:], len(text)], strict=True))


def _packed(units: Sequence[Unit], size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Yields spans of as many neighbouring units as fit into ``size``, each going back by up to ``overlap`` words."""
    first = 0
    while first < len(units):
        last, words = first, 0
        while last < len(units) and (last == first or words + units[last][2] <= size):
            words += units[last][2]
            last += 1
        yield units[first][0], units[last - 1][1]
        if last == len(units):
            return
        again, first_before = 0, first
        first = last
        while first - 1 > first_before and again + units[first - 1][2] <= overlap:
            first -= 1
            again += units[first][2]
