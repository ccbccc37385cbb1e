"""Tests of ftbench.store."""
