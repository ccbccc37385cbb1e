"""Statistics over per-example sufficient statistics: intervals, paired comparisons, ranges of ranks."""
