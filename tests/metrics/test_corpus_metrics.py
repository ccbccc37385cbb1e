"""chrF, TER, METEOR, labels, numbers and rates: published values, and what odd answers do."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.core.component import build
from ftbench.metrics.chrf import Chrf
from ftbench.metrics.labels import Accuracy, MacroF1
from ftbench.metrics.meteor import Meteor, NoSynonyms, meteor, meteor_by_words
from ftbench.metrics.numeric import NumericAnswer
from ftbench.metrics.token_f1 import TokenF1
from tests.conftest import ROOT

TEXT = sorted(
    path.stem
    for path in (ROOT / "conf" / "metric").glob("*.yaml")
    if path.stem
    in (
        "chrf",
        "chrf_plus",
        "ter",
        "meteor",
        "token_f1",
        "numeric",
        "accuracy",
        "macro_f1",
        "length_ratio",
        "empty_rate",
        "cap_rate",
        "refusal_rate",
    )
)
odd = st.one_of(
    st.text(max_size=12), st.sampled_from(["", " ", "\x00", "\u2028", "9" * 200, "-", "#### ", "=1+1", "a a a a"])
)
corpora = st.lists(
    st.tuples(odd, st.lists(odd, min_size=1, max_size=3), st.sampled_from(["stop", "length", "error"])),
    min_size=1,
    max_size=6,
)


def shipped(name):
    return build(yaml.safe_load((ROOT / "conf" / "metric" / f"{name}.yaml").read_text(encoding="utf-8")), name)


def rows_of(corpus):
    return [
        {"output": one[0], "references": list(one[1]), "finish": one[2] if len(one) > 2 else "stop"} for one in corpus
    ]


def total(metric, corpus):
    rows = rows_of(corpus)
    return float(metric.value(metric.statistics(rows).sum(axis=0), len(rows)))


def chrf(**options):
    return Chrf(
        **{
            "name": "chrf",
            "char_order": 6,
            "word_order": 0,
            "beta": 2,
            "lowercase": False,
            "whitespace": False,
            "eps_smoothing": False,
            **options,
        }
    )


@pytest.mark.parametrize("name", TEXT)
@given(corpus=corpora)
@settings(max_examples=25, deadline=None)
def test_odd_answers_never_raise_and_sums_score_as_the_library(name, corpus):
    metric, rows = shipped(name), rows_of(corpus)
    value = total(metric, corpus)
    assert np.isfinite(value) or name == "length_ratio"
    assert metric.corpus(rows) == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True)


@given(
    corpus=st.lists(
        st.tuples(st.text("ab .", max_size=12), st.lists(st.text("ab .", max_size=12), min_size=1, max_size=3)),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=50, deadline=None)
def test_google_bleu_is_that_of_nltk(corpus):
    from nltk.translate.gleu_score import corpus_gleu
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    split = lambda text: Tokenizer13a()(text).split()  # noqa: E731
    wanted = corpus_gleu(
        [list(map(split, references)) for _, references in corpus], [split(text) for text, _ in corpus]
    )
    found = total(shipped("google_bleu"), corpus)
    assert (np.isnan(found) and wanted == 0.0) or found == pytest.approx(wanted)


some_words = st.lists(
    st.sampled_from(["The", "the", "cats", "cat", "running", "runs", "\x00", ".", "été"])
    | st.text(min_size=1, max_size=4),
    max_size=9,
)


@given(some_words, some_words)
@settings(max_examples=100, deadline=None)
def test_meteor_by_words_is_that_of_nltk_where_no_word_has_a_synonym(prediction, reference):
    assert meteor_by_words(prediction, reference, NoSynonyms()) == pytest.approx(
        meteor(prediction, reference, NoSynonyms()), rel=1e-12
    )


def test_meteor_asks_for_wordnet_where_it_is_not():
    for synonyms in ("wordnet", "wordnet_words"):
        metric = Meteor("meteor", synonyms=synonyms, tokenize="words")
        assert [problem.where for problem in metric.check()] in (["meteor.synonyms"], [])
        assert f"synonyms:{synonyms}|" in metric.signature()


def test_labels_numbers_and_token_f1():
    corpus = [("Yes.", ["yes"]), ("I would say no", ["no"]), ("yes or no", ["yes"]), ("", ["no"])]
    assert total(Accuracy("a", "plain"), corpus) == 0.5
    # yes: 1 right, 1 named, 2 wanted; no: 1 right, 1 named, 2 wanted
    assert total(MacroF1("m", "plain"), corpus) == pytest.approx(2 / 3)
    number = NumericAnswer("n", "####")
    assert number.score("so 3 * 400 = $1,200.00 in all.", ["3*400=1200\n#### 1200"]) == 1.0
    assert number.score("#### 7, I think of 9", ["#### 7"]) == 1.0 and number.score("none", ["#### 7"]) == 0.0
    assert TokenF1("f", "squad").score("the red cat", ["a cat", "dog"]) == pytest.approx(2 / 3)
    assert total(shipped("refusal_rate"), [("I\u2019m sorry, no.", ["a"]), ("The shop is sorry.", ["a"])]) == 0.5


def test_15_failing_never_pays_where_less_is_better():
    for name in ("ter", "empty_rate", "cap_rate", "refusal_rate"):
        good, failed = ("a b c", ["a b c"], "stop"), ("a b c", ["a b c"], "error")
        assert total(shipped(name), [failed]) > total(shipped(name), [good]), name
