"""A store, and receipts to publish in it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ftbench.core.receipt import Receipt
from ftbench.store.store import Store


def key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def receipt(name: str, *, state: str = "done", error: str | None = None, details: dict | None = None) -> Receipt:
    return Receipt(
        key(name),
        "prepare",
        1,
        state,
        "2026-11-23T00:00:00+00:00",
        {"total": 1.0},
        1.0,
        "cpu",
        1,
        None,
        {},
        {},
        {},
        details or {},
        error,
    )


def publish(store: Store, name: str, text: str = "text") -> Path:
    with store.begin(key(name), "prepare") as attempt:
        (attempt.folder / "deep").mkdir()
        (attempt.folder / "deep" / "file.txt").write_text(text, encoding="utf-8")
        return attempt.publish(receipt(name))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")
