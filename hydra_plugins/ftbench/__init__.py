"""Hydra's entrance to ftbench. Hydra finds plug-ins by importing ``hydra_plugins.*``, so everything here is thin and
light.
"""
