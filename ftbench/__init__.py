"""ftbench: decide by experiment whether to prompt, retrieve or fine-tune."""

__version__ = "0.1.0"
