"""One compiled matrix from start to finish: search, data gate, budget, results."""
