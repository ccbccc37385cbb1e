"""Walks a plan and runs its stages: the scheduler, the worker process, and what starts workers and listens to a run."""
