"""Finished stages whose keys were taken in an earlier way (``ftbench.core.stage.SCHEME``): no plan of today finds them
again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress

from ftbench.core.stage import RECORD, SCHEME
from ftbench.store.store import Store

FILE = "scheme"
"""File in a store's root that holds the scheme of the last run, so that nothing is counted again."""


def earlier_keys(store: Store) -> Iterator[str]:
    """Yields the keys of all finished stages of an earlier scheme."""
    for key in store.keys():
        try:
            record = json.loads((store.folder(key) / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # damaged; a run that needs it says so
        if isinstance(record, dict) and record.get("scheme", 1) < SCHEME:
            yield key


def earlier_line(store: Store) -> str | None:
    """Returns, for the first run over a store of before, how many of its stages are no longer found and how to remove
    them.
    """
    marker = store.path / FILE
    with suppress(OSError):
        if marker.read_text(encoding="utf-8").strip() == str(SCHEME):
            return None
    count = sum(1 for _ in earlier_keys(store))
    with suppress(OSError):  # a store that cannot be written says so where it matters
        store.path.mkdir(parents=True, exist_ok=True)
        marker.write_text(f"{SCHEME}\n", encoding="utf-8")
    if not count:
        return None
    fix = f"python -m ftbench gc --store {store.path} --earlier --yes"
    counted = (
        "1 finished stage of an earlier key scheme is"
        if count == 1
        else f"{count} finished stages of an earlier key scheme are"
    )
    return f"{counted} no longer found in this store; to remove: {fix}"
