"""The store: finished stages, one immutable folder per key. Imports ``core`` and ``text`` alone."""
