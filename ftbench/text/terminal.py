"""Text that nobody vouches for, such as model output or column names, made safe to show as plain text.

``visible`` is what the other targets (HTML, Markdown, CSV) build on; ``one_line`` is for labels and sentences;
``printable`` for a terminal or a log; ``spelled_out`` for people who judge a text and must see all of it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
_UNSEEN = {
    **{
        code: f"[U+{code:04X}]"
        for code in (*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xFFF9, 0xFFFC))
    },
    **dict.fromkeys((0xFFFE, 0xFFFF), "\ufffd"),
    0x2028: "\n",
    0x2029: "\n",
    0xFEFF: "",
}
_TABLE: dict[int, int | str] = {**_CONTROLS, **_UNSEEN}
_SURROGATE = re.compile("[\ud800-\udfff]")
_TAG_LETTERS = re.compile("[\U000e0000-\U000e007f]")
_LINE_ENDS = re.compile("\r\n|[\r\u2028\u2029\x85\x0b]")
_JOINERS = "\u200c\u200d"  # scripts and emoji need them


def visible(text: Any) -> str:
    """Returns text in which nothing acts: control characters and ANSI codes as pictures, overrides of the reading
    direction by their number, lone surrogates as U+FFFD. Line ends are LF. Text of any script reads as before.
    """
    whole = str(text).replace("\r\n", "\n")
    if whole.isascii() and whole.isprintable():
        return whole
    return _TAG_LETTERS.sub("\ufffd", _SURROGATE.sub("\ufffd", whole).translate(_TABLE))


def one_line(text: Any) -> str:
    """Returns ``visible`` text on one line."""
    return " ".join(visible(text).split())


def printable(text: Any) -> str:
    """Returns text on one line for a terminal or a log; a character that is not printed becomes a blank."""
    return " ".join("".join(character if character.isprintable() else " " for character in visible(text)).split())


def spelled_out(text: str) -> str:
    """Returns text with every character visible: white space around it goes, line ends become LF, and whatever is
    invisible or acts on its neighbors (control and format characters, lone surrogates) is written as its number.
    """
    return "".join(map(_spelled, _LINE_ENDS.sub("\n", text))).strip()


def _spelled(character: str) -> str:
    if character in "\n\t" or character in _JOINERS:
        return character
    code = ord(character)
    if code in _CONTROLS:
        return chr(_CONTROLS[code])
    if unicodedata.category(character) in ("Cc", "Cf", "Cs") or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:
        return f"\u2039U+{code:04X}\u203a"
    return character


def cut(text: str, most: int) -> str:
    """Returns text of at most ``most`` characters and a note of what was left out."""
    return text if len(text) <= most else f"{text[:most]} … [{len(text) - most:,} more characters]"


def excerpt(text: str, most: int = 60) -> str:
    """Returns the beginning of a text on one printable line, in quotes."""
    line = printable(text)
    return f'"{line[:most].rstrip()}…"' if len(line) > most else f'"{line}"'
