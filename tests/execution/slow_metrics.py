"""Metrics of a careless user, for tests of signals: slow on one row; they differ in what they do with exceptions."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path


def _slow(prediction: str) -> None:
    if prediction == "slow":
        Path(os.environ["FTBENCH_TEST_MARKER"]).touch()
        time.sleep(float(os.environ.get("FTBENCH_TEST_SECONDS", "20")))


def sleeps(prediction: str, references: Sequence[str]) -> float:
    _slow(prediction)
    return 1.0


def swallows(prediction: str, references: Sequence[str]) -> float:
    try:
        _slow(prediction)
    except:  # noqa: E722 - what careless code does
        return 0.25
    return 1.0


def converts(prediction: str, references: Sequence[str]) -> float:
    try:
        _slow(prediction)
    except BaseException as error:
        raise ValueError("something went wrong") from error
    return 1.0


def exits(prediction: str, references: Sequence[str]) -> float:
    _slow(prediction)
    sys.exit("no such word list")
