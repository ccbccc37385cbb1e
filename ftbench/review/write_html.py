"""A sheet as one HTML page that works offline, from a folder or a mail: ``form.html`` with the sheet put in as inert
JSON.

The page may load and send nothing (its content security policy allows the one script and the one style that it holds,
by their hashes) and puts texts on the screen as text only.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

from ftbench.review.sheet import Sheet
from ftbench.text.html import escaped

SAVED = "ftbench-review-1"
"""Format of what the page saves."""


def html_bytes(sheet: Sheet) -> bytes:
    """Returns the page."""
    page = Path(__file__).with_name("form.html").read_text(encoding="utf-8")
    data = {
        "format": SAVED,
        "batch": sheet.batch,
        "rater": sheet.rater,
        "rubric": sheet.rubric.as_dict(),
        "values": {dimension.name: list(dimension.allowed()) for dimension in sheet.rubric.dimensions},
        "items": [
            {
                "item": entry.item,
                "question": entry.question,
                "reference": entry.reference,
                "answers": list(entry.answers),
            }
            for entry in sheet.entries
        ],
    }
    # "<" cannot end the element, whatever a model wrote
    text = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    policy = (
        f"default-src 'none'; script-src '{_hash(page, 'script')}'; style-src '{_hash(page, 'style')}'; base-uri"
        " 'none'; form-action 'none'"
    )
    filled = {"@TITLE@": escaped(sheet.rubric.title), "@POLICY@": policy, "@DATA@": text}
    return re.sub("|".join(filled), lambda found: filled[found[0]], page).encode("utf-8")


def _hash(page: str, tag: str) -> str:
    inner = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    return "sha256-" + base64.b64encode(hashlib.sha256(inner[1].encode("utf-8")).digest()).decode("ascii")
