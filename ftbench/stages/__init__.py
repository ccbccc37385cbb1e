"""The bodies of the stages: ``run(job) -> Outcome`` in one module per kind. Heavy libraries are imported by a body at
work.
"""
