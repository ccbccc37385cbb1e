"""Tests of ftbench.execution."""
