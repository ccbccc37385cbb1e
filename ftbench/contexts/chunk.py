"""Cuts documents into chunks: by words, tokens, sentences or headings, each chunk a verbatim part of its document.

Sizes are in *words*: runs of letters and digits, single other marks, and single characters of writing without spaces.
They are counted without any model's tokenizer, so that every model shares one index; English has about 1.3 tokens of a
32,000-token vocabulary a word. By ``tokens`` sizes are in tokens, and only models of one tokenizer share an index.
Either way what goes to the model is made to fit in its own tokens (``ftbench.stages.requests``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from typing import Any

from ftbench.contexts import tokenizer
from ftbench.contexts.script import MARKS, UNSPACED
from ftbench.core.component import Remote
from ftbench.core.errors import Problem, Problems, Refused, did_you_mean
from ftbench.core.example import Document

BY = ("words", "tokens", "sentences", "headings", "nothing")
FEWEST_TOKENS = 8
"""One character may take several tokens, and a chunk holds at least one."""
BLOCK_CHARACTERS = 20_000
"""Tokenized at once: a line of 50 MB would need gigabytes."""
WORD = re.compile(
    rf"[{UNSPACED}][{MARKS}]*|(?:[^\W{UNSPACED}][{MARKS}]*){{1,32}}|[^\w\s]"
)  # at most 32 letters: a line without a space is no single word
_PIECE = re.compile(rf"\s{{0,32}}(?:{WORD.pattern})|\s{{1,32}}")
_SENTENCE_END = re.compile(r"""(?<=[.!?…。！？])["'”’)\]]*\s+|\n{2,}|(?<=[。！？])""")
_HEADING = re.compile(r"^(?:#{1,6}[ \t]+\S.*|[^\n]+\n[=-]{3,}[ \t]*)$", re.MULTILINE)
Unit = tuple[int, int, int]  # first and last position in the text, words or tokens between them


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
        by: ``words`` (anywhere), ``tokens`` (between words; inside one that is too long), ``sentences`` (whole ones, as
            many as fit), ``headings`` (Markdown sections, long ones by sentences) or ``nothing`` (a document is one
            chunk). Chunks by tokens keep the white space between words, so that without overlap they are the document
            when joined; blank ones are left out.
        size: most words, or tokens, of a chunk.
        overlap: most words, or tokens, that a chunk repeats of the one before; never across headings.
        tokenizer: whose tokens, for ``tokens``: a folder, ``package://PACKAGE/FOLDER`` or a hub id (``NAME@REVISION``);
            null for the model's own.
    """

    by: str
    size: int
    overlap: int
    tokenizer: str | None

    def identity(self) -> dict[str, Any]:
        """Returns what decides the chunks: the tokenizer by its revision, and only where it is used."""
        parts = asdict(self)
        if self.by != "tokens" or self.tokenizer is None:
            del parts["tokenizer"]
            return parts
        return {**parts, "tokenizer": tokenizer.identity(self.tokenizer)}

    def check(self) -> list[Problem]:
        """Returns what is wrong, with places relative to this node."""
        problems = Problems()
        unit, least = ("tokens", FEWEST_TOKENS) if self.by == "tokens" else ("words", 1)
        if self.by not in BY:
            problems.add("by", f"{self.by!r} is no way to cut", did_you_mean(self.by, BY))
        if self.size < least:
            problems.add("size", f"{self.size} {unit} are too few", f"Use at least {least}; 100 to 500 is usual")
        if not 0 <= self.overlap < max(self.size, 1):
            why = f"{self.overlap} {unit} of {self.size} would never end"
            problems.add("overlap", why, f"Use 0 to {max(self.size, 1) - 1}")
        return problems + self._named(tokenizer.problems)

    def missing(self) -> list[Problem]:
        """Returns why this can be planned with and not run here."""
        return self._named(tokenizer.missing)

    def remotes(self) -> list[Remote]:
        return self._named(tokenizer.remotes)

    def resolve(self) -> Chunking:
        return (
            replace(self, tokenizer=tokenizer.pinned(self.tokenizer))
            if self.by == "tokens" and self.tokenizer is not None
            else self
        )

    def for_model(self, model: Any) -> Chunking:
        """Returns this chunking with the model's own tokenizer, where it counts tokens and names none.

        Raises:
            Refused: when the model has no tokenizer here; the place is relative to this node.
        """
        if self.by != "tokens" or self.tokenizer is not None:
            return self
        own = model.tokenizer
        if own is None:
            fix = "Name one (context.chunking.tokenizer=FOLDER or a hub id), or set context.chunking.by=words"
            why = "this model has no tokenizer here whose tokens could be counted"
            raise Refused([Problem(tokenizer.PLACE, why, fix)])
        return replace(self, tokenizer=own)

    def sketch(self) -> Chunking:
        """Returns a chunking that can be made now, with chunks about as long: by words where the tokenizer's file is
        not here yet.
        """
        absent = self.by == "tokens" and (self.tokenizer is None or tokenizer.file(self.tokenizer) is None)
        return replace(self, by="words") if absent else self

    def chunks(self, document: Document) -> list[Chunk]:
        """Cuts one document, in order; a document of white space alone has no chunk."""
        texts = [document.text[start:end] for start, end in self._spans(document.text)]
        return [Chunk(document.id, number, text) for number, text in enumerate(text for text in texts if text.strip())]

    def _named(self, ask: Any) -> list[Any]:
        return ask(self.tokenizer) if self.by == "tokens" and self.tokenizer is not None else []

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        if self.by == "nothing":
            stripped = text.strip()
            if stripped:
                start = text.index(stripped[0])
                yield start, start + len(stripped)
            return
        if self.by == "tokens":
            assert self.tokenizer is not None, "for_model was not asked"
            own = tokenizer.load(str(tokenizer.fetched(self.tokenizer)))
            yield from _packed(list(_tokens(text, own, self.size)), self.size, self.overlap)
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


def _tokens(text: str, own: Any, size: int) -> Iterator[Unit]:
    """Yields the whole text as words with the white space before them, and their tokens; a word of more than ``size``
    in pieces.

    Every edge is one between two tokens, and so between two characters.
    """
    for start, end in _blocks(text):
        offsets = own.encode(text[start:end], add_special_tokens=False).offsets
        begun, inside = [0] * (end - start), set()
        for first, last in offsets:
            begun[min(first, end - start - 1)] += 1
            inside.update(range(first + 1, last))
        until = [0, *accumulate(begun)]  # tokens that begin before each position
        edges = [
            match.start() - start for match in _PIECE.finditer(text, start, end) if match.start() - start not in inside
        ]
        for left, right in zip(edges, [*edges[1:], end - start], strict=True):
            long = until[right] - until[left] > size
            finer = (
                [left, *(place for place in range(left + 1, right) if place not in inside), right]
                if long
                else [left, right]
            )
            for first, last in zip(finer, finer[1:], strict=False):
                yield start + first, start + last, until[last] - until[first]


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Yields a text in stretches of about ``BLOCK_CHARACTERS`` that end between words."""
    start = 0
    for match in _PIECE.finditer(text):
        if match.end() - start >= BLOCK_CHARACTERS or match.end() == len(text):
            yield start, match.end()
            start = match.end()


def _sections(text: str) -> list[tuple[int, int]]:
    """Returns the parts of a text that begin with a heading, and what stands before the first."""
    starts = sorted({0, *(match.start() for match in _HEADING.finditer(text))})
    return list(zip(starts, [*starts[1:], len(text)], strict=True))


def _packed(units: Sequence[Unit], size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Yields spans of as many neighboring units as fit into ``size``, each going back by up to ``overlap``."""
    first = 0
    while first < len(units):
        last, words = first, 0
        while last < len(units) and (last == first or words + units[last][2] <= size):
            words += units[last][2]
            last += 1
        yield units[first][0], units[last - 1][1]
        if last == len(units):
            return
        room = min(
            overlap, size - units[last][2]
        )  # what is repeated leaves room for the next unit, else the chunk would be a part of this one
        again, first = 0, last
        while 0 < room >= again + units[first - 1][2]:
            first -= 1
            again += units[first][2]
