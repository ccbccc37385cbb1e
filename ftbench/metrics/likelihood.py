"""The columns of ``likelihood.jsonl`` as arrays. A row that the model cannot score is NaN and makes the metric n/a."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def column(rows: Sequence[dict[str, Any]], name: str) -> np.ndarray:
    """Returns float64 [n] of one column, NaN in every row without a log-likelihood (``nll`` null) or without this
    value.
    """
    return np.array(
        [np.nan if row["nll"] is None or row[name] is None else float(row[name]) for row in rows], dtype=np.float64
    )


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Returns ``above / below`` [...], NaN where ``below`` is not positive."""
    below = np.asarray(below, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(above, dtype=np.float64) / np.where(below > 0, below, np.nan)
