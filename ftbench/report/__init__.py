"""What people read: rows from a plan and its store, ranks, the quality-cost frontier, and the files that show them."""
