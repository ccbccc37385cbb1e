"""Kinds of weights that can be trained, one file each."""
