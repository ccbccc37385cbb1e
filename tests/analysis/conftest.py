"""Fixtures for the analysis of a finished matrix."""

from tests.report.conftest import matrix  # noqa: F401
