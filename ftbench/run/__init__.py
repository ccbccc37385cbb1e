"""Walks a plan: the runner hands ready stages to workers, a worker runs one after the other, a meter measures each."""
