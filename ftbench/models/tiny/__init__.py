"""The tiny model: a small Llama trained from scratch on the toy world, shipped in ``weights/`` and re-made by one
command.

- ``python -m ftbench.models.tiny.make --seed 0`` makes tokenizer, chat template and weights from nothing.
- ``python -m ftbench.models.tiny.check --seed 1`` measures it on products, names and values that it never saw.

It is the project's test double for a language model and the model of the demo: it can be prompted, retrieved for and
tuned, in seconds on one core. It says nothing about a 7B. The forms of its prompts are in ``ftbench.data.toy``.
"""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
"""Folder of the shipped model."""
