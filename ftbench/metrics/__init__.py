"""Scores: one metric a file. Corpus metrics aggregate as corpora, from sufficient statistics kept per example."""
