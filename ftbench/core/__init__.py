"""The nouns: what every other package passes around, and nothing that does work. Imports no other package of
ftbench.
"""
