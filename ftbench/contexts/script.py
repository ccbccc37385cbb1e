"""Characters that make words other than letters between spaces, as parts of a regular expression's ``[...]``."""

from __future__ import annotations

import sys
import unicodedata

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Scripts that write no spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""
SYLLABLES = "\uac00-\ud7af"
"""Korean, whose words take endings that no stemmer here knows."""


def _marks() -> str:
    """Returns the combining marks, which ``\\w`` leaves out although vowels of Hindi or Thai are among them."""
    found, last = [], sys.maxunicode
    for code in range(0x300, 0xFE30):
        if unicodedata.category(chr(code)) in ("Mn", "Mc"):
            if last != code - 1:
                found.append([code, code])
            last = found[-1][1] = code
    return "".join(f"{chr(first)}-{chr(end)}" for first, end in found)


MARKS = _marks()
