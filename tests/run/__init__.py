"""Tests of ftbench.run."""
