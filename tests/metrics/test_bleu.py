"""BLEU: sacreBLEU's own numbers, from sufficient statistics that add up to a corpus."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU

from ftbench.metrics.bleu import SMOOTHING, TOKENIZERS, Bleu

PLAIN = Bleu(
    "bleu",
    tokenize="13a",
    lowercase=False,
    smooth_method="exp",
    smooth_value=None,
    max_ngram_order=4,
    effective_order=False,
    reference_length="closest",
)

words = st.sampled_from(["a", "b", "the", "cat", "sat", "on", "mat", ".", "5.50", "don't", "été", "中文"])
texts = st.lists(words, max_size=9).map(" ".join)
odd = st.one_of(texts, st.text(max_size=12), st.sampled_from(["", " ", "\n", "\u0000", "\u2028", ".", "&quot;"]))
corpora = st.lists(st.tuples(odd, st.lists(odd, min_size=1, max_size=4)), min_size=1, max_size=8)
metrics = st.builds(
    Bleu,
    name=st.just("bleu"),
    tokenize=st.sampled_from(TOKENIZERS),
    lowercase=st.booleans(),
    smooth_method=st.sampled_from(list(SMOOTHING)),
    smooth_value=st.none() | st.sampled_from([0.01, 0.5, 2.0]),
    max_ngram_order=st.integers(1, 5),
    effective_order=st.booleans(),
    reference_length=st.just("closest"),
)


def rows_of(corpus):
    return [{"output": output, "references": references, "finish": "stop"} for output, references in corpus]


def from_statistics(metric, rows):
    return float(metric.value(metric.statistics(rows).sum(axis=0), len(rows)))


def by_sacrebleu(metric, corpus):
    widest = max(len(references) for _, references in corpus)
    streams = [[references[k] if k < len(references) else None for _, references in corpus] for k in range(widest)]
    value = metric.smooth_value if metric.smooth_method in ("floor", "add-k") else None
    scorer = BLEU(
        lowercase=metric.lowercase,
        tokenize=metric.tokenize,
        smooth_method=metric.smooth_method,
        smooth_value=value,
        max_ngram_order=metric.max_ngram_order,
        effective_order=metric.effective_order,
        force=True,
    )
    return scorer.corpus_score([output for output, _ in corpus], streams).score


@given(metrics, corpora)
@settings(max_examples=150, deadline=None)
def test_16_summed_statistics_score_as_the_corpus(metric, corpus):
    expected = by_sacrebleu(metric, corpus)
    rows = rows_of(corpus)
    assert metric.corpus(rows) == expected
    assert from_statistics(metric, rows) == pytest.approx(expected, rel=1e-10, abs=1e-10)


@given(corpora, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_order_of_rows_changes_nothing(corpus, random):
    shuffled = list(corpus)
    random.shuffle(shuffled)
    assert from_statistics(PLAIN, rows_of(corpus)) == from_statistics(PLAIN, rows_of(shuffled))


def test_values_are_vectorised_over_resamples():
    rows = rows_of([("the cat sat on the mat", ["the cat sat on a mat"]), ("a b", ["b a", "a b c"]), ("", ["x"])])
    table = PLAIN.statistics(rows)
    weights = np.random.default_rng(0).integers(0, 3, size=(40, 3))
    weights[0] = 0
    together = PLAIN.value(weights @ table, weights.sum(axis=1))
    alone = [float(PLAIN.value(w @ table, w.sum())) for w in weights]
    np.testing.assert_array_equal(together, alone)
    assert np.isnan(together[0])


def test_16_bleu_is_no_mean_of_sentence_scores():
    corpus = [("the cat sat on the mat", ["the cat sat on the mat"]), ("a", ["the dog ran away from the house"])]
    sentences = [sacrebleu.sentence_bleu(output, references).score for output, references in corpus]
    value = from_statistics(PLAIN, rows_of(corpus))
    assert value == pytest.approx(by_sacrebleu(PLAIN, corpus))
    assert abs(value - np.mean(sentences)) > 5


def test_18_prediction_and_reference_are_not_swapped():
    short, long = "the cat", "the cat sat on the mat today"
    # a short answer pays the brevity penalty, a long one does not; swapped, the two would trade places
    assert from_statistics(PLAIN, rows_of([(short, [long])])) == pytest.approx(by_sacrebleu(PLAIN, [(short, [long])]))
    assert float(PLAIN.statistics(rows_of([(short, [long])]))[0, 0]) == 2
    assert float(PLAIN.statistics(rows_of([(short, [long])]))[0, 1]) == 7


def test_15_a_failed_row_scores_zero_and_stays_in_n():
    good = {"output": "the cat sat on the mat", "references": ["the cat sat on the mat"], "finish": "stop"}
    failed = {"output": "the cat sat on the mat", "references": ["the cat sat on the mat"], "finish": "error"}
    both = from_statistics(PLAIN, [good, failed])
    assert len(PLAIN.statistics([good, failed])) == 2
    assert 0 < both < from_statistics(PLAIN, [good]) == pytest.approx(100)


def test_signature_names_version_tokenizer_and_references():
    one, ragged = [("a", ["b"])], [("a", ["b"]), ("a", ["b", "c"])]
    assert (
        PLAIN.signature_of(rows_of(one))
        == f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{sacrebleu.__version__}"
    )
    assert PLAIN.signature_of(rows_of(ragged)).startswith("nrefs:var|")
    assert "nrefs" not in PLAIN.signature()


def test_the_shortest_reference_is_named_and_penalises_less():
    shortest, rows = (
        replace(PLAIN, reference_length="shortest"),
        rows_of(
            [("a cat sat", ["a cat sat on the mat", "a cat sat", "a cat sat on"]), ("a b c d", ["a b c d e", "a b"])]
        ),
    )
    assert shortest.statistics(rows)[:, 1].tolist() == [3, 2] and PLAIN.statistics(rows)[:, 1].tolist() == [3, 5]
    assert shortest.corpus(rows) == pytest.approx(from_statistics(shortest, rows))
    assert shortest.corpus(rows) > PLAIN.corpus(rows)
    assert shortest.signature().endswith("|reflen:shortest") and "reflen" not in PLAIN.signature()


def test_options_that_do_not_exist_are_refused():
    problems = replace(
        PLAIN, tokenize="13b", smooth_method="expo", reference_length="longest", max_ngram_order=0
    ).check()
    assert [problem.where for problem in problems] == [
        "bleu.tokenize",
        "bleu.smooth_method",
        "bleu.reference_length",
        "bleu.max_ngram_order",
    ]
    assert "Did you mean 13a?" in problems[0].fix
    assert PLAIN.check() == []
