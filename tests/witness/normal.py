"""Makes texts comparable: keys become names, places and moments become words, numbers keep six digits."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

DIGITS = 6
SHOWN, PLANNED = 12, 8
"""Digits of a key that are shown where it is not written in full, and in the text of a plan."""


@dataclass(frozen=True)
class Names:
    """Stage keys, cell ids and approach ids of a sweep -> a name that does not depend on how they are made."""

    keys: Mapping[str, str]

    @classmethod
    def of(cls, plan: Path) -> Names:
        """Reads a ``plan.json``. A stage is named by its role in the first cell that has it, or by what reads it."""
        data = json.loads(plan.read_text(encoding="utf-8"))
        names: dict[str, str] = {}
        cells = [*data["cells"], *data.get("trials", ())]
        for cell in cells:
            names.setdefault(cell["id"], f"<cell {cell['label']}>")
            names.setdefault(cell["approach"], f"<approach {cell['approach_label']}>")
        for refusal in data["refusals"]:
            names.setdefault(refusal["cell"], f"<refused {refusal['label']} {' '.join(refusal['overrides'])}>")
        for cell in sorted(cells, key=lambda cell: cell["label"]):
            for role, key in sorted(cell["stages"].items()):
                names.setdefault(key, f"<{role} of {cell['label']}>")
        for stage in reversed(data["stages"]):
            for role, key in sorted(stage["inputs"].items()):
                names.setdefault(key, f"<{role} of {names.get(stage['key'], stage['kind'])}>")
        return cls({key: name for key, name in names.items() if key})


def normal(name: str, text: str, names: Names, folder: Path) -> str:
    """Returns a text that two runs of the same code, in two folders on two days, have in common."""
    text = re.sub(r"-?\d+\.\d{5,}(e-?\d+)?", lambda found: f"{float(found[0]):.{DIGITS}g}", text)
    if name.endswith(".json"):
        text = _by_lines(text)
    for key in sorted(names.keys, key=len, reverse=True):
        for digits in {len(key), min(len(key), SHOWN)}:
            text = re.sub(rf"(?<![\w.]){key[:digits]}(?!\w)", lambda _, key=key: names.keys[key], text)
        # a plan shows each stage's role and the beginning of its key
        text = re.sub(rf"(?<=[a-z] ){key[:PLANNED]}(?!\w)", lambda _, key=key: names.keys[key], text)
    text = text.replace(str(folder), "<folder>").replace(str(ROOT), "<project>")
    for pattern, word in (
        (r"\b[0-9a-f]{64}\b", "<sha256>"),
        (r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?([+]00:00|Z)?( UTC)?", "<moment>"),
        (r"(?m)^.*\b\d+/\d+ stages.*\n", ""),
    ):
        text = re.sub(pattern, word, text)
    return text


def _by_lines(text: str) -> str:
    """Returns JSON with one line for each entry of what stands at the top, so that a difference is short."""
    body, mark, rest = text.partition("exit status")
    try:
        value = json.loads(body)
    except ValueError:
        return text
    parts = [f"{_compact(key)}: {_entries(item)}" for key, item in sorted(value.items())]
    return "{\n" + ",\n".join(parts) + "\n}\n" + mark + rest


def _entries(value: Any) -> str:
    if isinstance(value, list) and value:
        return "[\n " + ",\n ".join(map(_compact, value)) + "\n]"
    if isinstance(value, dict) and value:
        return "{\n " + ",\n ".join(f"{_compact(key)}: {_compact(item)}" for key, item in sorted(value.items())) + "\n}"
    return _compact(value)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def html_text(page: str) -> str:
    """Returns what a reader sees of a page: one line for each piece of text, scripts and styles left out."""
    reader = _Texts()
    reader.feed(page)
    return "\n".join(reader.found) + "\n"


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.found.append(" ".join(data.split()))
