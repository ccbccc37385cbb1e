"""Mistakes that were made in well-known tools, as one small patch each; see ``python -m tests.mutants --help``."""
