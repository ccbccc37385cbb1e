"""Text that nobody vouches for: what models answered, what data sets hold, what people called their columns.

``visible`` makes it safe to hand to anything that draws text; ``escaped`` makes it safe inside HTML; ``markdown``
inside Markdown; ``field`` inside a spreadsheet's cell; ``reduced`` takes secrets and the places of this machine out of
whatever leaves it.
"""

from __future__ import annotations

import getpass
import html
import os
import re
import socket
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ftbench.text.secrets import scrub

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What spreadsheets take for the start of a formula, the full-width forms included."""

_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
_UNSEEN = {
    **{
        code: f"[U+{code:04X}]"
        for code in (*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xFFF9, 0xFFFC))
    },
    **dict.fromkeys((65534, 65535), "�"),
    0x2028: "\n",
    0x2029: "\n",
    0xFEFF: "",
}
_TABLE: dict[int, int | str] = {**_CONTROLS, **_UNSEEN}
_SURROGATE = re.compile("[\ud800-\udfff]")
_TAG_LETTERS = re.compile("[\U000e0000-\U000e007f]")
_HOME = re.compile(
    r"(?:/home/|/Users/|/root(?=/|\b)|[A-Za-z]:\\+Users\\+|/mnt/[a-z]/Users/)[^\s/\\:\"'<>|,;]*", re.IGNORECASE
)
_PATH = re.compile(
    r"(?<![\w:/.~…>-])/(?:[\w.@+=~-]+/)+[\w.@+=~-]*|\b[A-Za-z]:\\(?:[^\s\\/:\"'<>|]+\\)+[^\s\\/:\"'<>|]*"
)
_MARKUP = re.compile(r"([\\`*_{}\[\]#!|<>~$&]|^[-+=]|(?<=[a-z])(?=://)|(?<=www)(?=\.))", re.IGNORECASE)


def visible(text: Any) -> str:
    """Returns text in which nothing acts: control characters and ANSI codes as pictures, overrides of the reading
    direction by their number, lone surrogates as U+FFFD. Line ends are LF. Text of any script reads as before.
    """
    whole = str(text).replace("\r\n", "\n")
    if whole.isascii() and whole.isprintable():
        return whole
    return _TAG_LETTERS.sub("\ufffd", _SURROGATE.sub("\ufffd", whole).translate(_TABLE))


def flat(text: Any) -> str:
    """Returns ``visible`` text on one line."""
    return " ".join(visible(text).split())


def escaped(text: Any) -> str:
    """Returns ``visible`` text for HTML, inside elements and quoted attributes alike."""
    return html.escape(visible(text), quote=True)


def markdown(text: Any) -> str:
    """Returns text on one line that no reader of Markdown takes for mark-up, a table's border, a mention or a link."""
    return _MARKUP.sub(lambda found: "\\" + found.group(), flat(text)).replace("@", "@\u2060")


def field(value: Any) -> Any:
    """Returns a value for a CSV field: text that a spreadsheet would run gets an apostrophe before it (OWASP), None is
    empty.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    shown = visible(value)
    return "'" + shown if shown.lstrip(" \n").startswith(FORMULA_STARTS) or value.startswith(FORMULA_STARTS) else shown


def cut(text: str, most: int) -> str:
    """Returns text of at most ``most`` characters and a note of what was left out."""
    return text if len(text) <= most else f"{text[:most]} … [{len(text) - most:,} more characters]"


def reduced(value: Any, *, paths: bool = True) -> Any:
    """Returns text or plain JSON without secrets, home folders, and names of the user and machine in places.

    Args:
        value: text, or dicts, lists and tuples of it; other types are returned as they are.
        paths: take every absolute path down to its last part, and mask text under keys that name a secret; for what
            ftbench wrote. False for data, in which ``/a/b`` may be an answer and a column may be called ``token``.
    """
    return _walked(scrub(value, named=paths), paths)


def _walked(value: Any, paths: bool) -> Any:
    if isinstance(value, str):
        return _reduced(value, paths)
    if isinstance(value, Mapping):
        return {_walked(key, paths): _walked(item, paths) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_walked(item, paths) for item in value)
    return value


def _reduced(text: str, paths: bool) -> str:
    if "/" in text or "\\" in text:
        text = _places().sub("~", text)
        text = _HOME.sub("~", text)
        if paths:
            text = _PATH.sub(lambda found: "…/" + re.split(r"[/\\]", found.group().rstrip("/\\"))[-1], text)
    named = _names()
    return named.sub("***", text) if named else text


@lru_cache(maxsize=1)
def _places() -> re.Pattern[str]:
    """Returns the home folder and the folder that ftbench was started in."""
    known = {str(Path.home()), os.getcwd()} - {"/"}
    return re.compile(
        "(?:" + "|".join(re.escape(place) for place in sorted(known, key=len, reverse=True)) + r")(?![\w-])"
    )


@lru_cache(maxsize=1)
def _names() -> re.Pattern[str] | None:
    """Returns ``user@host``, and the machine's own name where it is long enough to be one."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = ""
    host = socket.gethostname()
    found = [rf"\b{re.escape(user)}@[\w.-]+"] if user else []
    found += [rf"\b{re.escape(host)}\b"] if len(host) >= 8 and host != "localhost" else []
    return re.compile("|".join(found)) if found else None
