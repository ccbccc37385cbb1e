"""Ways to run a compiled matrix: here, and one module for each engine that starts workers elsewhere."""
