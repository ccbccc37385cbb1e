"""How two short answers are made comparable before they are compared. Each way has a name, which the signature
tells.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable

ARTICLES = re.compile(r"\b(a|an|the)\b")
KEPT = set("%#&@")
PUNCTUATION, DIGITS = str.maketrans("", "", string.punctuation), str.maketrans("", "", string.digits)


def keep(text: str) -> str:
    """Returns ``text`` unchanged: two answers are equal only if every character is."""
    return text


def plain(text: str) -> str:
    """Returns ``text`` in one case and width, single spaces, words without punctuation at their edges.

    What can be part of a value stays: decimal points, inner hyphens, signs before a digit, currency, percent.
    """
    text = unicodedata.normalize("NFKC", text).replace("\u2212", "-").casefold()
    return " ".join(word for word in map(_trim, text.split()) if word)


def squad(text: str) -> str:
    """Returns ``text`` as SQuAD's evaluation does: lower case, no ASCII punctuation, no articles, single spaces."""
    bare = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(ARTICLES.sub(" ", bare).split())


def letters(text: str) -> str:
    """Returns ``text`` in lower case without ASCII punctuation, as ``exact_match`` of evaluate compares when told to
    ignore both.
    """
    return text.lower().translate(PUNCTUATION)


def letters_only(text: str) -> str:
    """Returns ``letters(text)`` without digits."""
    return letters(text).translate(DIGITS)


def _trim(word: str) -> str:
    start, end = 0, len(word)
    while start < end and _is_edge(word[start]) and not _is_sign(word, start):
        start += 1
    while end > start and _is_edge(word[end - 1]):
        end -= 1
    return word[start:end]


def _is_edge(character: str) -> bool:
    return unicodedata.category(character).startswith("P") and character not in KEPT


def _is_sign(word: str, place: int) -> bool:
    return word[place] == "-" and word[place + 1 : place + 2].isdigit()


NORMALIZATIONS: dict[str, Callable[[str], str]] = {
    "none": keep,
    "plain": plain,
    "squad": squad,
    "letters": letters,
    "letters_only": letters_only,
}
