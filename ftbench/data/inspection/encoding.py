"""Signs that a text went through the wrong hands: wrong encodings, invisible characters, forms that look alike and are
not.
"""

from __future__ import annotations

import re
import unicodedata

ODDITIES = {
    "replacement": "the replacement character U+FFFD, where bytes were lost",
    "mojibake": "UTF-8 that was read as Windows-1252 (Ã© for é)",
    "byte_order_mark": "a byte order mark inside the text",
    "control": "control characters",
    "invisible": "zero-width or direction characters inside words",
    "entities": "HTML entities (&amp; for &)",
}
"""Name -> what it is, in words that follow "hold"."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|nbsp|apos|#\d{2,5}|#x[0-9a-fA-F]{2,5});")
_INVISIBLE = re.compile(r"[\u200b\u2060\u00ad\u202a-\u202e\u2066-\u2069]|(?<=[A-Za-z])[\u200c\u200d](?=[A-Za-z])")
"""Joiners are left alone outside Latin words: emoji, Persian and Indic scripts need them."""
_CP1252 = {bytes([code]).decode("cp1252", "ignore") or chr(code): code for code in range(0x80, 0x100)}
_TAIL = "".join(re.escape(character) for character, code in _CP1252.items() if code < 0xC0)
_MOJIBAKE = re.compile(f"[\u00c2-\u00f4][{_TAIL}]{{1,3}}")


def oddities(text: str) -> set[str]:
    """Returns the names, keys of ``ODDITIES``, of what is odd about a text."""
    found = {"control"} if _CONTROL.search(text) else set()
    if "&" in text and _ENTITY.search(text):
        found.add("entities")
    if text.isascii():
        return found
    if "\ufffd" in text:
        found.add("replacement")
    if "\ufeff" in text:
        found.add("byte_order_mark")
    if _INVISIBLE.search(text):
        found.add("invisible")
    if any(_reads_as_utf8(run.group()) for run in _MOJIBAKE.finditer(text)):
        found = (found | {"mojibake"}) - {"control"}  # the C1 characters in it are the same mistake
    return found


def form(text: str) -> str | None:
    """Returns ``composed`` or ``decomposed`` for text that has letters with marks in that form, None for text without
    any.
    """
    if text.isascii():
        return None
    if unicodedata.normalize("NFC", text) != text:
        return "decomposed"
    return "composed" if unicodedata.normalize("NFD", text) != text else None


def _reads_as_utf8(run: str) -> bool:
    raw = bytes(_CP1252[character] for character in run)
    for end in range(len(raw), 1, -1):
        try:
            raw[:end].decode("utf-8")
            return True
        except UnicodeDecodeError:
            continue
    return False
