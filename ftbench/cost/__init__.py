"""Money: what hardware costs, and what a cell cost on it. Unknown is None, never 0."""
