"""Ways in which per-example values become one figure, by their names in lm-eval; each works on summed statistics, so it
can be resampled.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

AGGREGATIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mean": lambda totals, n: totals[..., 0] / n,
    "mean of counted": lambda totals, n: totals[..., 0] / totals[..., 1],
    "perplexity": lambda totals, n: np.exp(-totals[..., 0] / n),
    "weighted_perplexity": lambda totals, n: np.exp(-totals[..., 0] / totals[..., 1]),
    "bits_per_byte": lambda totals, n: -totals[..., 0] / totals[..., 1] / np.log(2),
}
"""Name -> ``value(totals [..., k], n [...]) -> [...]``. ``mean of counted`` is over the rows that have a value:
statistics are (value, 1) there and zeros elsewhere.
"""
