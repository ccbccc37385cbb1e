"""A finished sweep as tables of plain values: rows, ranking, costs, advice. Draws nothing."""
