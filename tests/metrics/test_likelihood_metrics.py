"""Perplexity and bits per byte as corpora."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftbench.metrics.bits_per_byte import BitsPerByte
from ftbench.metrics.perplexity import Perplexity
from ftbench.metrics.token_accuracy import TokenAccuracy

perplexity, bits = Perplexity("perplexity"), BitsPerByte("bits_per_byte")
row_lists = st.lists(
    st.fixed_dictionaries({"nll": st.floats(0, 500), "tokens": st.integers(1, 60), "bytes": st.integers(1, 300)}),
    min_size=1,
    max_size=10,
)


def value(metric, rows):
    return float(metric.value(metric.statistics(rows).sum(axis=0), len(rows)))


@given(row_lists)
def test_19_perplexity_is_weighted_by_tokens(rows):
    nats, tokens = math.fsum(row["nll"] for row in rows), sum(row["tokens"] for row in rows)
    if nats / tokens < 700:
        assert value(perplexity, rows) == pytest.approx(math.exp(nats / tokens))


def test_19_a_long_easy_text_outweighs_a_short_hard_one():
    rows = [{"nll": 8.0, "tokens": 1, "bytes": 4}, {"nll": 99.0, "tokens": 99, "bytes": 400}]
    assert value(perplexity, rows) == pytest.approx(math.exp(107 / 100))
    mean_of_rows = np.mean([math.exp(8.0), math.exp(1.0)])
    assert value(perplexity, rows) < mean_of_rows / 100


@given(row_lists, st.integers(1, 5))
def test_20_bits_per_byte_does_not_depend_on_the_tokenizer(rows, factor):
    """The same text and probability cut into more tokens: the same bits per byte, another perplexity."""
    recut = [{**row, "tokens": row["tokens"] * factor} for row in rows]
    assert value(bits, recut) == value(bits, rows)
    nats, size = math.fsum(row["nll"] for row in rows), sum(row["bytes"] for row in rows)
    assert value(bits, rows) == pytest.approx(nats / math.log(2) / size)


def test_20_perplexity_says_that_it_does_not_compare_across_tokenizers():
    assert not perplexity.comparable_across_tokenizers
    assert bits.comparable_across_tokenizers
    assert not perplexity.higher_is_better and not bits.higher_is_better


def test_one_byte_a_token_links_the_two():
    rows = [{"nll": 3.0, "tokens": 7, "bytes": 7}]
    assert value(bits, rows) == pytest.approx(math.log2(value(perplexity, rows)))


def test_a_row_without_log_likelihood_makes_it_undefined():
    rows = [{"nll": 3.0, "tokens": 7, "bytes": 7}, {"nll": None, "tokens": 2, "bytes": 9}]
    assert math.isnan(value(perplexity, rows)) and math.isnan(value(bits, rows))
    assert math.isnan(value(perplexity, [{"nll": 0.0, "tokens": 0, "bytes": 0}]))


def test_token_accuracy_is_weighted_by_tokens_and_does_not_compare_across_tokenizers():
    accuracy = TokenAccuracy("token_accuracy")
    rows = [{"nll": 3.0, "tokens": 1, "correct": 1}, {"nll": 9.0, "tokens": 9, "correct": 0}]
    assert value(accuracy, rows) == pytest.approx(0.1) and not accuracy.comparable_across_tokenizers
    assert math.isnan(value(accuracy, [*rows, {"nll": None, "tokens": 3, "correct": None}]))


def test_values_are_vectorised_over_resamples():
    table = perplexity.statistics([{"nll": 3.0, "tokens": 7, "bytes": 7}, {"nll": 9.0, "tokens": 4, "bytes": 9}])
    weights = np.array([[1, 1], [2, 0], [0, 2]])
    assert perplexity.value(weights @ table, weights.sum(axis=1)) == pytest.approx(np.exp([12 / 11, 3 / 7, 9 / 4]))
