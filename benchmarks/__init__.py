"""The speed, memory and accuracy claims, each a command: ``python -m benchmarks.NAME``."""
