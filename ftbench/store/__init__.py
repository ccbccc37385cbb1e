"""The store: finished stages, one immutable folder per key. Imports ``core`` only."""
