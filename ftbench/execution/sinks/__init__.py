"""What listens to a run: one file per sink."""
