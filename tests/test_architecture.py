"""ARCHITECTURE.md names every room, and only files that there are."""

from __future__ import annotations

import re

from tests.conftest import ROOT

TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_every_room_stands_in_the_table() -> None:
    rooms = {path.parent.name for path in (ROOT / "ftbench").glob("*/__init__.py")}
    assert rooms == set(re.findall(r"^\| `ftbench/(\w+)/` \|", TEXT, re.MULTILINE))


def test_files_that_are_named_exist() -> None:
    named = set(re.findall(r"`((?:[a-z]\w*/)+\w+\.py)`", TEXT))
    missing = [name for name in named if not any((ROOT / place / name).is_file() for place in ("", "ftbench"))]
    assert len(named) > 20 and not missing
