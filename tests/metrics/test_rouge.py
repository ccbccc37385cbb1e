"""ROUGE: rouge_score's own numbers, best over references."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from ftbench.metrics.rouge import MEASURES, VARIANTS, Rouge, lines

texts = st.lists(st.sampled_from(["a", "cat", "sat", "running", "runs", ".", "mat", "\n", "été", "5"]), max_size=8).map(
    " ".join
)


def metric(variant, stemmer=False, sentences="newline", measure="f1"):
    return Rouge(variant, variant=variant, stemmer=stemmer, sentences=sentences, measure=measure)


@given(st.sampled_from(VARIANTS), st.booleans(), texts, st.lists(texts, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_scores_are_rouge_scores_best_over_references(variant, stemmer, prediction, references):
    expected = RougeScorer([variant], use_stemmer=stemmer).score_multi(references, prediction)[variant]
    for measure, wanted in zip(MEASURES, (expected.fmeasure, expected.precision, expected.recall), strict=True):
        assert metric(variant, stemmer, measure=measure).score(prediction, references) == pytest.approx(
            wanted, abs=1e-12
        )


@given(st.text(max_size=30), st.lists(st.text(max_size=30), max_size=3))
@settings(max_examples=60, deadline=None)
def test_odd_output_never_raises(prediction, references):
    for variant in VARIANTS:
        assert 0.0 <= metric(variant, sentences="auto").score(prediction, references) <= 1.0


def test_17_rouge_lsum_works_on_sentences_split_by_newlines():
    reference = "The dog barked at night. The cat slept all day."
    swapped = "The cat slept all day. The dog barked at night."
    whole = metric("rougeL").score(swapped, [reference])
    by_sentence = metric("rougeLsum", sentences="auto").score(swapped, [reference])
    assert by_sentence == 1.0
    assert whole < 0.7
    # lines that are there already are the sentences, whatever the punctuation says
    assert lines("One. Two.\nThree") == "One. Two.\nThree"
    assert lines("One. Two! Three?") == "One.\nTwo!\nThree?"
    split = (
        RougeScorer(["rougeLsum"])
        .score(reference.replace(". ", ".\n"), swapped.replace(". ", ".\n"))["rougeLsum"]
        .fmeasure
    )
    assert by_sentence == split


def test_18_prediction_and_reference_are_not_swapped():
    """ROUGE-Lsum takes the union of matches over the lines of the reference, so its F1 is not symmetric."""
    reference, prediction = "a b\na c b", "a b c a"
    assert metric("rougeLsum").score(prediction, [reference]) == pytest.approx(8 / 9)
    assert metric("rougeLsum").score(reference, [prediction]) == pytest.approx(4 / 9)


def test_15_a_failed_row_scores_zero_and_stays_in_n():
    row = {"output": "a cat", "references": ["a cat"]}
    table = metric("rouge1").statistics([{**row, "finish": "stop"}, {**row, "finish": "error"}])
    assert table.tolist() == [[1.0], [0.0]]
    assert float(metric("rouge1").value(table.sum(axis=0), 2)) == 0.5


def test_options_that_do_not_exist_are_refused():
    problems = Rouge("r", variant="rouge-l", stemmer=False, sentences="nltk", measure="f2").check()
    assert [problem.where for problem in problems] == ["r.variant", "r.sentences", "r.measure"]
    assert metric("rougeL").check() == []


def test_references_that_rouge_cannot_read_are_told_of() -> None:
    from ftbench.core.example import Example, Splits

    texts = ("مرحبا بالعالم", "hello", "😀🎉")
    rows = tuple(
        Example(str(number), (), None, (text,), None, None, {}, (), None, None) for number, text in enumerate(texts)
    )
    metric = Rouge(name="rougeL", variant="rougeL", stemmer=False, sentences="auto", measure="f1")
    assert metric.remarks(Splits((), (), rows, (), (), {})) == [
        "rougeL reads only a-z and 0-9: 2 of 3 test rows have references that are empty to it. Use chrf beside it"
    ]
    assert metric.remarks(Splits((), (), rows[1:2], (), (), {})) == []
    assert metric.score(texts[0], [texts[0]]) == 0.0, "if this is no longer so, nothing needs to be told"
