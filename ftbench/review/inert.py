"""Model text as a rater may see it: every character visible, none of them at work, the same treatment for every system.

What is changed: white space around the text goes, line ends become LF, and characters that are invisible or act on what
stands around them (control characters, bidirectional overrides, zero-width marks, lone surrogates) are spelt out.
Joiners stay, since scripts and emoji need them.
"""

from __future__ import annotations

import hashlib
import unicodedata

EMPTY = "(empty answer)"
_JOINERS = "\u200c\u200d"


def visible(text: str) -> str:
    """Returns the text for people."""
    lines = (
        text.replace("\r\n", "\n")
        .replace("\r", "\n")
        .replace("\u2028", "\n")
        .replace("\u2029", "\n")
        .replace("\x85", "\n")
        .replace("\x0b", "\n")
    )
    shown = "".join(map(_shown, lines)).strip()
    return shown or EMPTY


def text_digest(text: str) -> str:
    """Returns the sha256 of a generated text, to which verdicts belong; lone surrogates count as themselves."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def pieces(text: str, most: int) -> list[str]:
    """Returns the text cut into parts of at most ``most`` UTF-16 units, as spreadsheets count, at line ends or spaces
    where there are any.
    """
    found = []
    while _units(text) > most:
        end = _fitting(text, most)
        cut = max(text.rfind("\n", end // 2, end), text.rfind(" ", end // 2, end)) + 1 or end
        found.append(text[:cut])
        text = text[cut:]
    return [*found, text]


def _fitting(text: str, most: int) -> int:
    """Returns how many characters fit into so many UTF-16 units."""
    units = 0
    for index, character in enumerate(text):
        units += 2 if ord(character) > 0xFFFF else 1
        if units > most:
            return index
    return len(text)


def _units(text: str) -> int:
    return len(text) + sum(ord(character) > 0xFFFF for character in text)


def _shown(character: str) -> str:
    if character in "\n\t" or character in _JOINERS:
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if unicodedata.category(character) in ("Cc", "Cf", "Cs") or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:
        return f"\u2039U+{code:04X}\u203a"
    return character
