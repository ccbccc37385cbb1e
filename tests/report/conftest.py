"""Tests of the report draw the finished sweep that tests of the analysis make."""

from __future__ import annotations

from tests.analysis.conftest import matrix

__all__ = ["matrix"]
